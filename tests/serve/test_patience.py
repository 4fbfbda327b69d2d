"""Clients that do not go on are left; those that do may take their time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from serve import server
from serve.settings import Settings

# More than the buffers between the two hold, 4 MB at the most.
ANSWERS = 300
ASK = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n%s\r\n"
ASKED = ASK % b"" * (ANSWERS - 1) + ASK % b"Connection: close\r\n"


@pytest.fixture
def line(
    model: Path, toy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., socket.socket]]:
    """Lines to a server that waits 0.5 s for a head, and 1 s for an answer to be read on."""
    monkeypatch.setattr(server, "KEEP_ALIVE", 0)
    told = Settings(models=(model,), body_timeout=0.5, send_timeout=1.0)
    lines = []

    def connected(*, window: int = 0) -> socket.socket:
        one = socket.socket()
        lines.append(one)
        if window:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        one.settimeout(20)
        where = urlsplit(str(client.base_url))
        one.connect((where.hostname, where.port))
        return one

    with toy.running(told) as client:
        yield connected
        for one in lines:
            one.close()


def read(line: socket.socket, *, pause: float = 0.0) -> bytes:
    """All that comes until the other end closes or cuts it."""
    seen = []
    try:
        while data := line.recv(1 << 16):
            seen.append(data)
            time.sleep(pause)
    except ConnectionError:
        pass
    return b"".join(seen)


def ended(answers: bytes) -> int:
    """How many came whole: each is JSON in an object."""
    return answers.count(b"}HTTP/1.1 200") + answers.endswith(b"}")


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nHo"])
def test_who_does_not_send_a_head_is_left(line: Callable[..., socket.socket], begun: bytes) -> None:
    open_line = line()
    open_line.sendall(begun)
    begin = time.monotonic()
    assert read(open_line) == b""
    assert time.monotonic() - begin < 10


def test_a_byte_of_a_head_now_and_then_is_no_head(line: Callable[..., socket.socket]) -> None:
    open_line = line()

    def trickle() -> None:
        for _ in range(200):
            open_line.sendall(b"G")
            time.sleep(0.05)

    with pytest.raises(ConnectionError):
        trickle()


def test_who_does_not_read_its_answer_is_left(line: Callable[..., socket.socket]) -> None:
    def after(seconds: float) -> int:
        deaf = line(window=4096)
        deaf.sendall(ASKED)
        time.sleep(seconds)
        return ended(read(deaf))

    # A busy machine takes longer to write all that is not read.
    assert any(after(seconds) < ANSWERS for seconds in (2.5, 15))


def test_who_reads_slowly_gets_all_of_its_answer(line: Callable[..., socket.socket]) -> None:
    slow = line(window=1 << 16)
    begin = time.monotonic()
    slow.sendall(ASKED)
    assert ended(read(slow, pause=0.02)) == ANSWERS
    assert time.monotonic() - begin > 1.5


def test_who_reads_little_at_a_time_is_not_taken_for_deaf(
    line: Callable[..., socket.socket],
) -> None:
    slow = line(window=1 << 14)
    slow.sendall(ASKED)
    seen, begin = [], time.monotonic()
    # Three times as long as a deaf one has, some 200 kB a second.
    while time.monotonic() - begin < 3.0:
        seen.append(slow.recv(1 << 12))
        time.sleep(0.02)
    assert ended(b"".join([*seen, read(slow)])) == ANSWERS
