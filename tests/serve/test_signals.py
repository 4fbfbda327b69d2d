"""What signals do to a server at work, as a process of its own."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from kernels.contract import Contract
from serve.segment import Segmenter

ROOT = Path(__file__).parents[2]


class Process:
    """A server, where it is, and all it says on stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr
        self.process = process
        first = process.stderr.readline()
        assert first.startswith("serving "), first + process.stderr.read()
        self.url = first.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        self.said: list[str] = []
        self._listener = threading.Thread(target=lambda: self.said.extend(process.stderr or ()))
        self._listener.start()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=20)

    def post(self, data: bytes) -> httpx.Response:
        return httpx.post(f"{self.url}/segment", content=data, trust_env=False, timeout=60)

    def left(self) -> int:
        code = self.process.wait(timeout=40)
        self._listener.join()
        return code


@contextmanager
def serving(*arguments: str | Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "serve", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Process(process)
        finally:
            process.kill()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def answer(line: socket.socket) -> tuple[int, bytes]:
    """Status and body of what comes over a line until it is closed."""
    told = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = told.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_sigterm_answers_whoever_was_let_in_and_nobody_else(
    model: Path, toy: SimpleNamespace, segmenter: Segmenter
) -> None:
    pictures = [toy.photo(200 + 10 * index, 300) for index in range(4)]
    files = [toy.written(picture) for picture in pictures]
    with serving(model, "--workers", "1") as server, ExitStack() as lines:
        open_lines = []
        for data in files:
            line = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            open_lines.append(lines.enter_context(line))
            line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
            line.sendall(b"Content-Length: %d\r\n\r\n" % len(data) + data[:100])
        until(lambda: server.get("/healthz").json()["held"] == len(files))
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/readyz").status_code == 503)
        assert server.get("/healthz").status_code == 200
        refused = server.post(files[0])
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        for line, data in zip(open_lines, files, strict=True):
            line.sendall(data[100:])
        for line, picture in zip(open_lines, pictures, strict=True):
            status, body = answer(line)
            assert status == 200
            mask = np.asarray(Image.open(io.BytesIO(body)))
            np.testing.assert_array_equal(mask, segmenter.mask(picture))
        assert server.left() == 0, server.said


def test_sigterm_in_the_middle_of_a_load_loses_no_answer(model: Path, toy: SimpleNamespace) -> None:
    data = toy.written(toy.photo(600, 900))
    codes: list[int] = []
    told = threading.Event()

    def load(server: Process) -> None:
        try:
            while True:
                codes.append(server.post(data).status_code)
        # Who knocks in the moment of its leaving was never let in.
        except httpx.TransportError:
            assert told.is_set()

    with serving(model, "--workers", "2") as server, ThreadPoolExecutor(3) as pool:
        loads = [pool.submit(load, server) for _ in range(3)]
        until(lambda: len(codes) >= 6)
        told.set()
        server.process.send_signal(signal.SIGTERM)
        for each in loads:
            each.result()
        assert server.left() == 0, server.said
    assert set(codes) <= {200, 503}
    assert codes.count(200) >= 6


def test_a_server_that_is_told_to_stop_waits_no_longer_than_it_may(model: Path) -> None:
    with (
        serving(model, "--drain", "0.2") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as line,
    ):
        line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        until(lambda: server.get("/healthz").json()["held"] == 1)
        server.process.send_signal(signal.SIGTERM)
        assert answer(line)[0] == 503
        assert server.left() == 1
    said = "".join(server.said)
    assert "error: stopped with 1 request not done" in said
    assert "Traceback" not in said


def test_a_second_signal_waits_for_nobody_and_says_who_got_no_answer(model: Path) -> None:
    with (
        serving(model) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as line,
    ):
        line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        until(lambda: server.get("/healthz").json()["held"] == 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/readyz").status_code == 503)
        server.process.send_signal(signal.SIGTERM)
        assert server.left() == 1
    said = "".join(server.said)
    assert "error: stopped with 1 request not done" in said
    assert "Traceback" not in said


def test_sighup_takes_a_new_file_without_losing_a_request_and_keeps_the_old_one_of_a_bad(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    path = toy.saved(tmp_path / "model.onnx", classes=5)
    data = toy.written(toy.photo(40, 60))
    codes: list[int] = []
    done = threading.Event()

    def classes(server: Process) -> int:
        return len(Contract.from_json(server.get("/contract").text).classes)

    def load(server: Process) -> None:
        while not done.is_set():
            codes.append(server.post(data).status_code)

    with serving(path) as server, ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, server)
        try:
            assert classes(server) == 5
            toy.saved(path, classes=7)
            server.process.send_signal(signal.SIGHUP)
            until(lambda: classes(server) == 7)
            path.write_bytes(path.read_bytes()[:300])
            server.process.send_signal(signal.SIGHUP)
            until(lambda: any(line.startswith("error: ") for line in server.said))
            assert classes(server) == 7
            seen = len(codes)
            until(lambda: len(codes) > seen)
        finally:
            done.set()
        loading.result()
        assert server.get("/readyz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.left() == 0
    assert set(codes) == {200}
    (error,) = (line for line in server.said if line.startswith("error: "))
    assert error.startswith("error: model 'model' stays what it was: ")
    assert not any("Traceback" in line for line in server.said)


@pytest.mark.parametrize("names", [("a=model.onnx", "a=model.onnx"), ()])
def test_names_that_say_nothing_are_an_error_at_the_start(names: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serve", *names], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "hint: " in done.stderr
