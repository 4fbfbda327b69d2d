"""The command `serve`, as a process of its own."""

from __future__ import annotations

import io
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from serve.segment import Segmenter

ROOT = Path(__file__).parents[2]


def refused(*arguments: str | Path) -> str:
    """stderr of a `serve` that is expected to leave at once with exit code 2."""
    done = subprocess.run(
        [sys.executable, "-m", "serve", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def address(process: subprocess.Popen[str], model: Path) -> str:
    assert process.stderr
    line = process.stderr.readline()
    match = re.fullmatch(rf"serving {re.escape(str(model))} on (http://127\.0\.0\.1:\d+)\n", line)
    assert match, line + process.stderr.read()
    return match[1]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_server_answers_and_stops_cleanly(
    model: Path, toy: SimpleNamespace, segmenter: Segmenter, stop: signal.Signals
) -> None:
    picture = toy.photo(45, 67)
    with started(model, "--port", "0") as process:
        url = address(process, model)
        answer = httpx.post(f"{url}/segment", content=toy.written(picture), trust_env=False)
        process.send_signal(stop)
        process.wait(timeout=30)
        assert process.stdout
        assert process.stderr
        out, talk = process.stdout.read(), process.stderr.read()
    mask = np.asarray(Image.open(io.BytesIO(answer.content)))
    np.testing.assert_array_equal(mask, segmenter.mask(picture))
    assert process.returncode == 0, talk
    assert out == ""
    *ready, asked = talk.splitlines()
    assert ready == [
        f"  5 classes, factor 1/2, {segmenter.runtime.name}",
        f"  try: curl --data-binary @street.jpg {url}/segment -o mask.png",
    ]
    assert re.fullmatch(r"[\d:]{8} 200 POST /segment \d+ ms, model 0\.00 MP \(queue .*", asked)


def test_the_limits_and_threads_are_those_given(model: Path, toy: SimpleNamespace) -> None:
    limits = ("--max-pixels", "100", "--max-bytes", "5000", "--threads", "1")
    with started(model, "--port", "0", *limits) as process:
        url = address(process, model)
        many_pixels = httpx.post(
            f"{url}/segment", content=toy.written(toy.photo(11, 11)), trust_env=False
        )
        many_bytes = httpx.post(f"{url}/segment", content=bytes(5001), trust_env=False)
        runtime = httpx.get(f"{url}/healthz", trust_env=False).json()["runtime"]
    assert (many_pixels.status_code, many_bytes.status_code) == (413, 413)
    assert "threads: 1" in runtime


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    talk = refused(tmp_path / "model.onnx")
    assert talk.startswith(f"error: '{tmp_path / 'model.onnx'}' is not a file\nhint: ")


def test_a_file_that_is_not_onnx_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"hello")
    talk = refused(tmp_path / "model.onnx")
    assert "is not an ONNX file" in talk
    assert "hint: " in talk


def test_a_port_in_use_is_said_plainly(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        talk = refused(model, "--port", str(taken.getsockname()[1]))
    assert "Address already in use" in talk
    assert "hint: choose another --port" in talk


def test_an_unknown_host_is_said_plainly(model: Path) -> None:
    talk = refused(model, "--host", "no.such.host.invalid", "--port", "0")
    assert "error: no address 'no.such.host.invalid'" in talk
    assert "hint: " in talk
