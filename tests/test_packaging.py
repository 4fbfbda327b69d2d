"""The files that put the service on machines name what is there: paths, extras and flags."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILES = ["Dockerfile", "Dockerfile.gpu"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def instructions(name):
    """(keyword, rest) of every instruction, continued lines joined and comments left out."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages(name):
    """The instructions of each stage, in order."""
    found = []
    for keyword, rest in instructions(name):
        if keyword == "FROM":
            found.append([])
        if found:
            found[-1].append((keyword, rest))
    return found


def copied(name):
    """What the file takes out of this folder."""
    words = [shlex.split(rest) for keyword, rest in instructions(name) if keyword == "COPY"]
    return [source for each in words if not each[0].startswith("--from") for source in each[:-1]]


@pytest.fixture(scope="module")
def flags():
    """Every option that `serve` has."""
    done = subprocess.run(
        [sys.executable, "-m", "serve", "--help"],
        cwd=ROOT,
        env={"COLUMNS": "200", "NO_COLOR": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"--[a-z][a-z-]*", done.stdout))


def options(words):
    return {word.partition("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_every_path_that_is_copied_exists_and_reaches_the_builder(name):
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert {"pyproject.toml", "constraints.txt", "serve", "kernels"} <= set(copied(name))
    for source in copied(name):
        assert (ROOT / source).exists(), source
        assert source in let_in, f"{source} is not let in by .dockerignore"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_everything_that_is_built_into_the_wheel_is_copied(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, PROJECT["readme"]} <= set(copied(name))


@pytest.mark.parametrize(("name", "extra"), [("Dockerfile", "cpu"), ("Dockerfile.gpu", "gpu")])
def test_what_is_installed_is_an_extra_without_torch_at_the_tested_versions(name, extra):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"'\.\[([a-z,]+)\]'", text) == [extra]
    assert "-c constraints.txt" in text
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    assert not any(re.match(r"(torch|triton|transformers)\b", each) for each in wanted)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_left_runs_as_nobody_in_particular_and_says_whether_it_lives(name):
    last = dict(stages(name)[-1])
    assert last["USER"].isdecimal()
    assert int(last["USER"]) > 0
    assert "/healthz" in last["HEALTHCHECK"]
    assert not any("pip" in rest for keyword, rest in stages(name)[-1] if keyword == "RUN")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_starts_with_options_that_serve_has(name, flags):
    last = dict(stages(name)[-1])
    words = [*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])]
    assert words[0] in PROJECT["scripts"]
    assert options(words) <= flags


def test_compose_builds_what_is_there_and_opens_no_port_to_the_world():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services
    for service in services.values():
        build = service["build"]
        path = "Dockerfile" if isinstance(build, str) else build["dockerfile"]
        assert (ROOT / path).is_file()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["read_only"]


def test_the_unit_starts_serve_with_options_that_it_has(flags):
    text = (ROOT / "docs" / "softres.service").read_text(encoding="utf-8")
    start = shlex.split(re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1])
    assert Path(start[0]).name in PROJECT["scripts"]
    assert options(start) <= flags
    for variable in re.findall(r"\bSOFTRES_([A-Z_]+)=", text):
        assert f"--{variable.lower().replace('_', '-')}" in flags


def test_the_manual_types_only_options_that_serve_has(flags):
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    typed = re.findall(r"^serve .*$", text, re.MULTILINE)
    assert typed
    for line in typed:
        assert options(shlex.split(line, comments=True)) <= flags, line
