"""The verbs say what they do and refuse what cannot work."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VERBS = ["help", "setup", "demo", "test", "check", "ahead", "gpu"]


@pytest.fixture
def clone(tmp_path):
    """The Makefile and what it reads, in a folder with an awkward name and no venv."""
    folder = tmp_path / "a clone (2)"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def run(*words, cwd):
    # `make test` is itself a make: what it tells its children is not for these.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(words, cwd=cwd, env=plain, capture_output=True, text=True)


def make(*words, cwd):
    return run("make", *words, cwd=cwd)


def python_that(says, folder):
    """A stand-in for an interpreter."""
    script = folder / "python-old"
    script.write_text(f"#!/bin/sh\n{says}\n")
    script.chmod(0o755)
    return f"PYTHON=./{script.name}"


def test_help_is_the_default_and_names_every_verb(clone):
    said = make(cwd=clone).stdout
    assert all(f"make {verb} " in said for verb in VERBS)


@pytest.mark.parametrize("verb", ["setup", "demo", "test", "check", "ahead", "gpu"])
def test_an_old_python_is_refused_with_a_hint(clone, verb):
    old = python_that('[ "$1" = --version ] && echo Python 3.9.1 && exit 0; exit 1', clone)
    done = make(verb, old, cwd=clone)
    assert done.returncode != 0
    assert "softres needs Python 3.11 or newer; './python-old' is Python 3.9.1" in done.stderr
    assert "hint: name one that fits" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_is_refused_with_a_hint(clone):
    done = make("setup", "PYTHON=python-from-nowhere", cwd=clone)
    assert done.returncode != 0
    assert "hint: name one that fits" in done.stderr


def test_a_python_without_venv_is_refused_with_a_hint(clone):
    bare = python_that('[ "$2" = venv ] && exit 1; echo Python 3.12.0; exit 0', clone)
    done = make("setup", bare, cwd=clone)
    assert "hint: install its venv module" in done.stderr


def test_a_failed_installation_is_tried_again(clone):
    broken = python_that(
        'mkdir -p .venv/bin; printf "#!/bin/sh\\nexit 1" > .venv/bin/python; '
        "chmod +x .venv/bin/python; exit 0",
        clone,
    )
    assert make("setup", broken, cwd=clone).returncode != 0
    assert not (clone / ".venv" / ".ready").exists()
    assert "== preparing" in make("setup", broken, cwd=clone).stdout


def test_gpu_goes_on_without_a_package_and_leaves_the_venv_s_onnxruntime_alone(clone):
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "[$*] [$PYTHONPATH]"\n! [ "$2" = pip ]\n')
    python.chmod(0o755)
    (clone / ".venv" / ".ready").write_text(f"{clone}\n")
    done = make("gpu", "ARGS=-k engines", cwd=clone)
    aside = clone / ".venv" / "gpu"
    _, pycuda, _, onnxruntime, run = done.stdout.splitlines()
    assert "pip install --quiet pycuda" in pycuda
    assert re.search(rf"--target {re.escape(str(aside))} onnxruntime-gpu==[\d.]+\]", onnxruntime)
    assert run == f"[tools/gpu.py -k engines] [{aside}]"
    assert done.returncode == 0
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert [line.split()[2] for line in notes] == ["pycuda:", "onnxruntime-gpu:"]


def test_ci_runs_the_verbs_a_person_types_and_fails_with_them(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    for failing, expected in (("", 0), ("check", 2), ("test", 2), ("ahead", 2)):
        rules = "".join(
            f"{verb}:\n\t@echo ran {verb}; {'false' if verb == failing else 'true'}\n"
            for verb in ("check", "test", "ahead")
        )
        (tmp_path / "Makefile").write_text(rules)
        done = run("bash", ".ci/run", cwd=tmp_path)
        assert done.returncode == expected
    assert "ran check\nran test\nran ahead" in done.stdout
