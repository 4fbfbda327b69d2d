"""The README is true: its commands run, and its tree is the tree."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# The verbs bootstrap a venv and take minutes; the Makefile has tests of its own.
VERBS = {"make demo", "make test"}
# As typed in the README it learns for minutes; what follows is all that a test adds.
SHORTER = {
    "trainer fit --factor 1/4": ["--steps", "2", "--data", "streets:64x128"],
    "trainer fit --data folder:data --factor 1/4 --epochs 40 --out mine.ckpt": ["--batch", "60"],
    "trainer compare --data folder:data --factors 1,1/2,1/4 --labels area,nearest --seeds 3": [
        *("--factors", "1/2", "--labels", "area", "--seeds", "1", "--steps", "2"),
    ],
}
ADDRESS = "http://127.0.0.1:8000"


def commands():
    """Every line of the README's shell blocks, without its comment."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def place(tmp_path, shared_folder):
    """A folder with what the README's commands take for granted, and our programs on the path."""
    with Image.open(shared_folder / "images" / "test" / "0.png") as image:
        image.save(tmp_path / "street.jpg")
    (tmp_path / "data").symlink_to(shared_folder)
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return tmp_path, {**os.environ, "PATH": path, "NO_PROXY": "127.0.0.1"}


def run(line, place):
    folder, environment = place
    words = [*shlex.split(line), *SHORTER.get(line, [])]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done


def served(line, place):
    """The service of the README on a free port, once it says that it is ready."""
    folder, environment = place
    process = subprocess.Popen(
        [*shlex.split(line), "--port", "0"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = process.stderr.readline().split()[-1]
    return process, address


@pytest.mark.skipif(shutil.which("curl") is None, reason="wants curl, as the README does")
def test_every_command_of_the_readme_runs(place, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(place[0] / "cache"))
    place = (place[0], {**place[1], "XDG_CACHE_HOME": str(place[0] / "cache")})
    ran, server, address = set(), None, ADDRESS
    try:
        for line in commands():
            if line in VERBS:
                continue
            if line.startswith("serve "):
                server, address = served(line, place)
            else:
                run(line.replace(ADDRESS, address), place)
            ran.add(line.split()[0])
    finally:
        if server is not None:
            server.terminate()
            server.communicate(timeout=30)
    assert ran == {"trainer", "serve", "curl"}
    with Image.open(place[0] / "mask.png") as mask:
        assert (mask.mode, mask.size) == ("P", (83, 61))
    assert server.returncode == 0


def test_no_document_types_a_bare_export():
    for path in [*ROOT.glob("*.md"), ROOT / "Makefile", ROOT / ".ci" / "run"]:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.match(r"\s*(\$ )?export (onnx|trt|inspect)", line), f"{path.name}: {line}"


def test_the_tree_is_the_real_tree(load_tool):
    assert load_tool("tree").section() in README, "run tools/tree.py"


def test_every_picture_the_readme_shows_is_there():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        with Image.open(ROOT / path) as image:
            image.verify()
