"""Writes the tree in README.md anew: a line a file, said by the file's own first line."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- tree: written by tools/tree.py -->", "<!-- /tree -->"
# Folders shown as one line: what is in them is of one kind.
CLOSED = {
    "trainer/tables": "Class names and colours as their publishers give them; one CSV a data set.",
    "serve/web": "The page: plain HTML, CSS and JavaScript modules; nothing to build.",
    "trainer/streets": "Draws a street scene and its labels from a seed.",
    ".ci": "What continuous integration runs: make check, test and ahead.",
    "tools": "make demo, results, experiments, tests of resuming and overhead, and this tree.",
    "tests": "Mirrors the floors; test_road.py walks all of them.",
    "docs": "Pictures and measurements.",
}
SAID = {
    ".dockerignore": "",
    ".gitignore": "",
    ".pre-commit-config.yaml": "make check before every commit.",
    "CHANGELOG.md": "What users notice, by version.",
    "CONTRIBUTING.md": "How a change gets in.",
    "Dockerfile": "The service on a CPU as an image.",
    "Dockerfile.gpu": "The same on an NVIDIA GPU.",
    "LICENSE": "MIT.",
    "Makefile": "The verbs: help setup demo test check ahead gpu.",
    "README.md": "This page.",
    "compose.yaml": "One of them, with no more rights than it needs.",
    "constraints.txt": "The one set of versions that is tested.",
    "pyproject.toml": "Packages, extras, and the rules that `make check` applies.",
}
FOLDERS = ("docs", "export", "kernels", "serve", "tests", "tools", "trainer")
COLUMN = 26


def main() -> None:
    """Replace what stands between the marks."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    readme.write_text(f"{before}{section()}{after}", encoding="utf-8")


def section() -> str:
    """The marks and the tree between them."""
    return f"{START}\n```text\n{tree()}\n```\n{END}"


def tree() -> str:
    """Every file git keeps, folders first, closed folders as one line."""
    return "\n".join(_lines(Path(), sorted(_files())))


def _files() -> list[Path]:
    """What git keeps; without git, what lies in the folders that hold code."""
    listed = _git("ls-files")
    if listed is not None:
        return [Path(name) for name in listed.splitlines() if (ROOT / name).is_file()]
    inner = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]
    kept = [path.relative_to(ROOT) for path in inner if path.parent.name != "__pycache__"]
    return [*kept, *(Path(name) for name in SAID if (ROOT / name).is_file())]


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _lines(folder: Path, files: list[Path]) -> list[str]:
    indent = "  " * len(folder.parts)
    folders = sorted(
        {path.parts[len(folder.parts)] for path in files if len(path.relative_to(folder).parts) > 1}
    )
    lines = []
    for name in folders:
        inner = folder / name
        inside = [path for path in files if inner in path.parents]
        lines.append(_line(indent, f"{name}/", _of_folder(inner)))
        if str(inner) not in CLOSED:
            lines += _lines(inner, inside)
    for path in files:
        if path.parent == folder and path.name != "__init__.py":
            lines.append(_line(indent, path.name, _said(path)))
    return lines


def _line(indent: str, name: str, said: str) -> str:
    return f"{indent}{name}".ljust(COLUMN) + f" {said}".rstrip()


def _of_folder(folder: Path) -> str:
    init = folder / "__init__.py"
    return CLOSED.get(str(folder)) or (_said(init) if (ROOT / init).is_file() else "")


def _said(path: Path) -> str:
    if str(path) in SAID:
        return SAID[str(path)]
    text = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


if __name__ == "__main__":
    main()
