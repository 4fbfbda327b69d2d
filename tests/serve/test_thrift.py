"""What is free inside the process goes back to the system while the server runs."""

from __future__ import annotations

import asyncio
import ctypes
import time

import pytest

from kernels import memory
from serve import thrift
from serve.thrift import Thrift

PIECE, PIECES = 1 << 16, 1 << 10

C = ctypes.CDLL(None)
needs_glibc = pytest.mark.skipif(not hasattr(C, "malloc_trim"), reason="wants glibc")


@pytest.fixture
def hollow():
    """A heap of 64 MiB that is free but for its last piece, which keeps it from shrinking."""
    C.malloc.restype, C.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    pieces = [C.malloc(PIECE) for _ in range(PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, PIECE)
    for piece in pieces[:-1]:
        C.free(piece)
    yield
    C.free(pieces[-1])


async def looked(told: Thrift, *, seconds: float) -> None:
    for _ in range(round(seconds / 0.01)):
        told.look()
        await asyncio.sleep(0.01)


@needs_glibc
@pytest.mark.usefixtures("hollow")
def test_free_memory_is_given_back() -> None:
    before = memory.resident(memory.NOW)
    asyncio.run(looked(Thrift(every=0), seconds=0.2))
    assert memory.resident(memory.NOW) < before - PIECE * PIECES // 2


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It always looks as if a lot had come since the last time."""
    monkeypatch.setattr(thrift, "GROWN", -(1 << 40))


@pytest.mark.usefixtures("grown")
def test_it_is_not_done_more_often_than_told() -> None:
    calls: list[int] = []
    told = Thrift(every=0.2)
    told._trim = calls.append
    begin = time.monotonic()
    asyncio.run(looked(told, seconds=0.5))
    assert 1 <= len(calls) <= (time.monotonic() - begin) / 0.2


@needs_glibc
def test_what_has_not_grown_is_left_alone() -> None:
    calls: list[int] = []
    told = Thrift(every=0)
    told._trim = calls.append
    asyncio.run(looked(told, seconds=0.3))
    assert len(calls) == 1


@pytest.mark.usefixtures("grown")
def test_two_never_run_at_once() -> None:
    running, most = 0, 0

    def slow(pad: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.05)
        running -= 1

    told = Thrift(every=0)
    told._trim = slow
    asyncio.run(looked(told, seconds=0.3))
    assert most == 1


def test_a_system_without_it_is_left_alone() -> None:
    told = Thrift(every=0)
    told._trim = None
    asyncio.run(looked(told, seconds=0.05))
