"""More than can be done at once: who is let in is answered, others learn when to come again."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from serve.admission import Gate
from serve.bench import overload
from serve.errors import RefusedNowError
from serve.segment import Segmenter, Taken
from serve.settings import Settings


class Brake:
    """Keeps every picture in its worker until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.free = threading.Event()
        # What the warm-up sends is let through.
        self.on = False
        take = Segmenter.take

        def slow(segmenter: Segmenter, data: bytes, *given: Any) -> Taken:
            if self.on:
                self.begun += 1
                assert self.free.wait(30)
            return take(segmenter, data, *given)

        monkeypatch.setattr(Segmenter, "take", slow)


@pytest.fixture
def brake(monkeypatch: pytest.MonkeyPatch) -> Brake:
    return Brake(monkeypatch)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


@contextmanager
def braked(
    model: Path, toy: SimpleNamespace, brake: Brake, **limits: float
) -> Iterator[tuple[httpx.Client, Callable[[], Future[httpx.Response]]]]:
    """A server whose pictures do not get done, and a way to send one more."""
    data = toy.written(toy.photo(30, 40))
    settings = Settings(models=(model,), workers=1, **limits)  # type: ignore[arg-type]
    with toy.running(settings) as client, ThreadPoolExecutor(4) as pool:
        brake.on = True

        def send() -> Future[httpx.Response]:
            before = client.get("/healthz").json()["held"]
            answer = pool.submit(client.post, "/segment", content=data)
            until(lambda: client.get("/healthz").json()["held"] > before or answer.done())
            return answer

        try:
            yield client, send
        finally:
            brake.free.set()


def test_a_full_queue_refuses_and_says_when_to_come_again(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    with braked(model, toy, brake, queue=1) as (client, send):
        held = [send(), send()]
        refused = send().result()
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["detail"] == "2 requests are held already, 1 of them in work"
        assert overload.late(client.get("/metrics").text) == 0
        assert client.get("/readyz").status_code == 200
        brake.free.set()
        assert [answer.result().status_code for answer in held] == [200, 200]
        queued = held[1].result().headers["server-timing"]
        assert float(queued.partition("queue;dur=")[2].partition(",")[0]) > 0
        until(lambda: client.get("/healthz").json()["held"] == 0)
        assert send().result().status_code == 200


def test_a_refusal_comes_before_the_body_is_sent(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    with braked(model, toy, brake, queue=0) as (client, send):
        send()
        where = urlsplit(str(client.base_url))
        with socket.create_connection((where.hostname, where.port), timeout=10) as line:
            line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 429 ")


def test_a_request_past_its_deadline_is_told_so_and_its_place_is_kept_until_it_ends(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    with braked(model, toy, brake, queue=1, deadline=0.2) as (client, send):
        late = [send(), send()]
        for answer in late:
            assert answer.result().status_code == 503
            assert int(answer.result().headers["retry-after"]) >= 1
            assert "within 0.2 seconds" in answer.result().json()["detail"]
        # The first is still in its thread; the second had not begun and is gone.
        until(lambda: client.get("/healthz").json()["held"] == 1)
        brake.free.set()
        until(lambda: client.get("/healthz").json()["held"] == 0)
        assert brake.begun == 1


def test_who_waited_too_long_after_all_is_refused_when_the_turn_comes(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    with braked(model, toy, brake, queue=1, queue_time=0.1) as (client, send):
        # Nothing was timed yet, so nobody knows how long the second will wait.
        worked, late = send(), send()
        # The wait begins when the body is there, a moment after the place is taken.
        time.sleep(1)
        brake.free.set()
        assert worked.result().status_code == 200
        assert late.result().status_code == 429
        assert int(late.result().headers["retry-after"]) >= 1
        assert late.result().json()["detail"] == "no worker was free within 0.1 seconds"
        assert overload.late(client.get("/metrics").text) == 1
        assert brake.begun == 1
        until(lambda: client.get("/healthz").json()["held"] == 0)
        assert send().result().status_code == 200


def test_a_form_that_was_begun_is_not_refused_between_its_pictures(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    two = [("picture", (f"{n}.png", toy.written(toy.photo(30, 40)))) for n in range(2)]
    with (
        braked(model, toy, brake, queue=1, queue_time=3.0) as (client, send),
        ThreadPoolExecutor(1) as pool,
    ):
        form = pool.submit(client.post, "/segment", files=two)
        until(lambda: brake.begun == 1)
        between = send()
        first, brake.free = brake.free, threading.Event()
        first.set()
        # The other request is at work now, and the form's second picture waits for long.
        until(lambda: brake.begun == 2)
        time.sleep(3.2)
        brake.free.set()
        assert between.result().status_code == 200
        assert form.result().status_code == 200
        assert brake.begun == 3


def test_a_client_that_leaves_the_queue_is_not_worked_for(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    data = toy.written(toy.photo(30, 40))
    with braked(model, toy, brake, queue=1) as (client, send):
        first = send()
        where = urlsplit(str(client.base_url))
        with socket.create_connection((where.hostname, where.port), timeout=10) as line:
            line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\n")
            line.sendall(b"Content-Length: %d\r\n\r\n" % len(data) + data)
            until(lambda: client.get("/healthz").json()["held"] == 2)
        until(lambda: client.get("/healthz").json()["held"] == 1)
        brake.free.set()
        assert first.result().status_code == 200
        assert brake.begun == 1


def test_a_body_that_does_not_arrive_gives_its_place_back(
    model: Path, toy: SimpleNamespace
) -> None:
    with toy.running(Settings(models=(model,), body_timeout=0.2)) as client:
        where = urlsplit(str(client.base_url))
        with socket.create_connection((where.hostname, where.port), timeout=10) as line:
            line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
            told = line.recv(1000)
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in told
        assert client.get("/healthz").json()["held"] == 0


def test_health_is_told_while_every_worker_is_busy(
    model: Path, toy: SimpleNamespace, brake: Brake
) -> None:
    with braked(model, toy, brake, queue=0) as (client, send):
        send()
        for path in ("/healthz", "/readyz"):
            assert client.get(path, timeout=5).status_code == 200
            head = client.head(path, timeout=5)
            assert (head.status_code, head.content) == (200, b"")


def test_the_seconds_to_wait_are_those_of_the_pictures_before() -> None:
    gate = Gate(workers=2, queue=8)
    assert gate.wait() == 1
    for _ in range(100):
        gate.note(3.0)
    leaves = [gate.enter() for _ in range(10)]
    # Eight wait, and one more: nine turns of three seconds for two workers.
    assert gate.wait() == 14
    with pytest.raises(RefusedNowError) as raised:
        gate.enter()
    assert (raised.value.status, raised.value.wait) == (429, 14)
    for leave in [*leaves, *leaves]:
        leave()
    assert gate.taken == 0


def test_who_would_wait_too_long_is_refused_though_there_is_a_place() -> None:
    gate = Gate(workers=2, queue=8, queue_time=1.0)
    gate.note(0.9)
    # Two at once, and then two more: the fifth would begin after 3 x 0.45 s.
    for _ in range(4):
        gate.enter()
    with pytest.raises(
        RefusedNowError, match="4 requests are held already, which may take more than 1 s"
    ) as refused:
        gate.enter()
    assert refused.value.status == 429


def test_a_free_worker_takes_a_picture_however_long_pictures_take() -> None:
    gate = Gate(workers=2, queue=8, queue_time=0.001)
    gate.note(60.0)
    leave = gate.enter()
    gate.enter()
    with pytest.raises(RefusedNowError, match="2 requests are held already, which may"):
        gate.enter()
    leave()
    gate.enter()


def waits(seconds: Callable[[], float], *, queue_time: float, turns: int) -> list[float]:
    """How long each waited who came as soon as they were let in, in a house of two workers."""
    gate = Gate(workers=2, queue=1000, queue_time=queue_time)
    gate.note(seconds())
    queue: deque[tuple[float, Callable[[], None]]] = deque()
    busy = [0.0, 0.0]
    found: list[float] = []
    working: list[tuple[float, float, Callable[[], None]]] = []
    for _ in range(turns):
        now = min(busy)
        for done in [each for each in working if each[0] <= now]:
            working.remove(done)
            gate.note(done[1])
            done[2]()
        with suppress(RefusedNowError):
            while True:
                queue.append((now, gate.enter()))
        came, leave = queue.popleft()
        found.append(now - came)
        took = seconds()
        busy[busy.index(now)] = now + took
        working.append((now + took, took, leave))
    return found


def test_where_pictures_take_different_times_fewer_are_let_wait() -> None:
    rng = np.random.default_rng(0)
    even = waits(lambda: 0.1, queue_time=1.0, turns=2000)
    uneven = waits(lambda: rng.choice([0.04, 0.16]), queue_time=1.0, turns=2000)
    # All of the time is used where it can be foreseen,
    assert 0.9 < np.median(even) <= 1.0 + 1e-9
    # and where it cannot there is room for what was not.
    assert np.mean(np.array(uneven) > 1.0) < 0.03
    assert 0.3 < np.median(uneven) < 0.7
