"""A user's mistake is answered in two lines, whichever program they typed."""

import subprocess
import sys

import pytest

from kernels.errors import EXTRAS, RefusedError, UserError, about, one_of


def run(program, **options):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, **options
    )


def test_an_unknown_name_offers_the_nearest_and_lists_them_all():
    error = one_of("fruit", "aple", ["pear", "apple"], hint="or plant one")
    assert str(error) == (
        "unknown fruit 'aple'; choose from apple, pear\nhint: did you mean 'apple'? or plant one"
    )


def test_about_names_what_an_error_is_about_and_keeps_its_kind_and_hint():
    with pytest.raises(RefusedError) as caught, about("model.onnx"):
        raise RefusedError("no", hint="do")
    assert str(caught.value) == "model.onnx: no\nhint: do"


@pytest.mark.parametrize(("kind", "code"), [("UserError", 2), ("RefusedError", 1)])
def test_an_error_is_two_lines_and_an_exit_code(kind, code):
    program = (
        f"from kernels.errors import {kind}, reported\n"
        f"with reported():\n    raise {kind}('no', hint='do')"
    )
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "error: no\nhint: do\n")


@pytest.mark.parametrize(
    ("package", "program", "words"),
    [
        ("torch", "trainer", ["fit"]),
        ("torch", "trainer", ["predict", "model.ckpt", "a.png"]),
        ("torch", "export", ["onnx", "model.ckpt"]),
        ("onnxruntime", "export", ["onnx", "model.ckpt"]),
        ("onnx", "trainer", ["export", "inspect", "model.onnx"]),
        ("onnx", "serve", ["model.onnx"]),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(
    tmp_path, package, program, words
):
    (tmp_path / "model.onnx").write_bytes(b"")
    done = run(
        f"import sys; sys.modules['{package}'] = None\n"
        f"from {program}.__main__ import main\n"
        f"sys.argv = {['program', *words]}\nmain()",
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert f"needs the package {package}, which is not installed" in done.stderr
    assert f"extra '{EXTRAS[package]}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_needs_no_heavy_package():
    for program in ("trainer", "export", "serve"):
        done = run(
            "import sys\n"
            f"from {program}.__main__ import main\n"
            "sys.argv = ['program', '--help']\n"
            "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
            "sys.exit(bool({'torch', 'onnx', 'onnxruntime', 'fastapi'} & set(sys.modules)))"
        )
        assert done.returncode == 0, (program, done.stderr)


def test_an_error_without_a_hint_is_one_line():
    assert str(UserError("no")) == "no"
