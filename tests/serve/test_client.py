"""The Python client against real servers: exact masks, clear errors, patience."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kernels import png
from kernels.errors import UserError
from serve import client as module
from serve.client import Client, Segmentation
from serve.clock import STAGES
from serve.segment import Segmenter


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def service(client: httpx.Client) -> Client:
    return Client(str(client.base_url))


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[SimpleNamespace]:
    """A server that gives these answers in turn, the last one for ever, and notes what it gets."""
    noted: list[SimpleNamespace] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            noted.append(
                SimpleNamespace(path=self.path, headers=self.headers, body=self.rfile.read(length))
            )
            status, headers, body = answers[min(len(noted), len(answers)) - 1]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", noted=noted)
        finally:
            server.shutdown()
            thread.join()


def given(form: str, pixels: NDArray[np.uint8], folder: Path) -> Any:
    """The same picture in each form that `segment` takes."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    path = folder / "street.png"
    path.write_bytes(data.getvalue())
    return {
        "path": path,
        "text": str(path),
        "bytes": data.getvalue(),
        "array": pixels,
        "image": Image.fromarray(pixels),
    }[form]


@pytest.mark.parametrize("form", ["path", "text", "bytes", "array", "image"])
def test_a_picture_in_any_form_gets_the_mask_that_the_server_painted(
    form: str, service: Client, segmenter: Segmenter, toy: SimpleNamespace, tmp_path: Path
) -> None:
    pixels = toy.photo(61, 83)
    answer = service.segment(given(form, pixels, tmp_path))
    assert answer.mask.dtype == np.uint8
    np.testing.assert_array_equal(answer.mask, segmenter.mask(pixels))


def test_an_answer_says_classes_shares_and_times(service: Client, toy: SimpleNamespace) -> None:
    answer = service.segment(toy.photo(64, 64))
    assert answer.contract == toy.contract()
    assert answer.classes == toy.contract().classes
    assert set(STAGES) <= set(answer.milliseconds)
    assert answer.round_trip >= sum(answer.milliseconds.values())
    expected = {
        name: float((answer.mask == index).mean()) for index, name in enumerate(answer.classes)
    }
    assert answer.shares == {name: share for name, share in expected.items() if share}
    assert list(answer.shares.values()) == sorted(answer.shares.values(), reverse=True)


def test_ids_past_255_come_back_exact(toy: SimpleNamespace) -> None:
    ids = np.arange(700, dtype=np.uint16).reshape(20, 35)
    promise = toy.contract(classes=700)
    ok: dict[str, str] = {}
    with answering(
        (200, ok, promise.to_json().encode()), (200, ok, png.encode(ids, promise.palette))
    ) as server:
        answer = Client(server.url).segment(toy.photo(20, 35))
    assert answer.mask.dtype == np.uint16
    np.testing.assert_array_equal(answer.mask, ids)


def test_many_pictures_keep_their_order_and_a_bad_one_costs_no_other(
    service: Client, segmenter: Segmenter, toy: SimpleNamespace
) -> None:
    pictures: list[Any] = [toy.photo(20 + index, 30) for index in range(7)]
    pictures.insert(3, b"no picture")
    answers = list(service.segment_many(iter(pictures), workers=3))
    bad = answers.pop(3)
    pictures.pop(3)
    assert isinstance(bad, UserError)
    assert "not a JPEG" in bad.message
    for pixels, answer in zip(pictures, answers, strict=True):
        assert isinstance(answer, Segmentation)
        np.testing.assert_array_equal(answer.mask, segmenter.mask(pixels))


def test_no_more_are_asked_for_at_once_than_there_are_workers(
    service: Client, monkeypatch: pytest.MonkeyPatch, toy: SimpleNamespace
) -> None:
    now, most, lock = 0, 0, threading.Lock()
    once = Client._once

    def watched(self: Client, path: str, body: bytes | None) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        try:
            return once(self, path, body)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(Client, "_once", watched)
    assert len(list(service.segment_many([toy.photo(20, 20)] * 12, workers=2))) == 12
    assert most <= 2


def test_pictures_are_taken_as_they_are_answered_not_all_at_first(
    service: Client, toy: SimpleNamespace
) -> None:
    taken = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for index in range(50):
            taken.append(index)
            yield toy.photo(20, 20)

    answers = service.segment_many(pictures(), workers=2)
    next(answers)
    assert len(taken) <= 5
    answers.close()  # type: ignore[attr-defined]


def test_one_client_serves_several_threads(
    service: Client, segmenter: Segmenter, toy: SimpleNamespace
) -> None:
    pictures = [toy.photo(40 + index, 50) for index in range(8)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(service.segment, pictures))
    for pixels, answer in zip(pictures, answers, strict=True):
        np.testing.assert_array_equal(answer.mask, segmenter.mask(pixels))


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would have slept."""
    told: list[float] = []
    names = {name: getattr(time, name) for name in ("time", "perf_counter")}
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=told.append, **names))
    return told


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_as_long_as_it_says(
    status: int, toy: SimpleNamespace, slept: list[float]
) -> None:
    contract = toy.contract().to_json().encode()
    busy = (status, {"Retry-After": "3"}, b"{}")
    with answering(busy, busy, (200, {}, contract)) as server:
        assert Client(server.url).contract() == toy.contract()
    assert slept == [3.0, 3.0]


def test_a_busy_server_that_names_no_time_is_asked_less_and_less_often(
    toy: SimpleNamespace, slept: list[float]
) -> None:
    busy: tuple[int, dict[str, str], bytes] = (503, {}, b"{}")
    with answering(busy, busy, busy, (200, {}, toy.contract().to_json().encode())) as server:
        Client(server.url).contract()
    assert slept == [0.25, 0.5, 1.0]


def test_a_date_to_come_again_is_understood(toy: SimpleNamespace, slept: list[float]) -> None:
    when = formatdate(time.time() + 20, usegmt=True)
    with answering(
        (503, {"Retry-After": when}, b"{}"), (200, {}, toy.contract().to_json().encode())
    ) as server:
        Client(server.url).contract()
    assert 15 < slept[0] <= 20


def test_patience_ends_with_the_words_of_the_server(slept: list[float]) -> None:
    body = json.dumps({"detail": "40 requests wait already", "hint": "come again"}).encode()
    with (
        answering((429, {"Retry-After": "4"}, body)) as server,
        pytest.raises(UserError, match="40 requests wait already") as told,
    ):
        Client(server.url, patience=9).contract()
    assert slept == [4.0, 4.0]
    assert told.value.hint == "come again"


def test_what_the_server_refuses_is_said_with_its_hint_and_once(
    service: Client, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(UserError, match="not a JPEG, PNG, WebP, TIFF or BMP picture") as told:
        service.segment(path)
    assert told.value.message.startswith(str(path))
    assert told.value.hint == "convert it to one of these"


def test_a_key_is_sent_and_no_other_way_than_as_a_header(toy: SimpleNamespace) -> None:
    with answering((200, {}, toy.contract().to_json().encode())) as server:
        Client(server.url, key="secret").contract()
    assert server.noted[0].headers["Authorization"] == "Bearer secret"
    assert "secret" not in server.noted[0].path


def test_a_model_is_asked_for_by_its_name(toy: SimpleNamespace) -> None:
    ids = np.zeros((4, 5), np.uint8)
    promise = toy.contract()
    with answering(
        (200, {}, promise.to_json().encode()), (200, {}, png.encode(ids, promise.palette))
    ) as server:
        Client(server.url, model="a b").segment(toy.photo(4, 5))
    asked = [note.path.partition("?")[0] for note in server.noted]
    assert asked == ["/models/a%20b/contract", "/models/a%20b/segment"]


def test_the_contract_is_asked_for_once(toy: SimpleNamespace) -> None:
    with answering((200, {}, toy.contract().to_json().encode())) as server:
        client = Client(server.url)
        assert client.contract() is client.contract()
    assert len(server.noted) == 1


def nobody() -> str:
    with answering((200, {}, b"")) as server:
        return str(server.url)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Client("localhost:8000"), "is no address"),
        (lambda: Client("ftp://localhost"), "is no address"),
        (lambda: Client("http://[half"), "is no address"),
        (lambda: Client("http://here:port"), "is no address"),
        (lambda: Client("http://here/straße"), "is no address"),
        (lambda: Client("http://a", key="schlüssel"), "no key has"),
        (lambda: Client(nobody()).contract(), "does not answer"),
        (lambda: Client("http://127.0.0.1:1").segment("/nowhere.jpg"), "cannot be read"),
        (lambda: module.encoded(np.zeros((4, 4, 4), np.uint8)), "no picture"),
        (lambda: module.encoded(np.zeros((4, 4), np.float32)), "no picture"),
        (lambda: next(Client("http://a").segment_many([], workers=0)), "at least 1"),
    ],
)
def test_what_cannot_be_asked_is_said_with_a_hint_or_a_choice(
    act: Callable[[], object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        act()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"title": "x"}'])
def test_an_error_of_something_in_between_names_address_and_status(body: bytes) -> None:
    with answering((502, {}, body)) as server, pytest.raises(UserError, match="answered 502"):
        Client(server.url).contract()


def test_an_answer_that_is_no_mask_is_an_error(toy: SimpleNamespace) -> None:
    with (
        answering((200, {}, toy.contract().to_json().encode()), (200, {}, b"hello")) as server,
        pytest.raises(UserError, match="no mask"),
    ):
        Client(server.url).segment(toy.photo(4, 4))


def test_an_answer_that_does_not_fit_the_contract_is_an_error(toy: SimpleNamespace) -> None:
    promise = toy.contract(classes=5)
    for wrong in (
        png.grey(np.full((4, 4), 5, np.uint8)),
        toy.written(toy.photo(4, 4)),
        toy.written(np.zeros((4, 4), bool)),
    ):
        with (
            answering((200, {}, promise.to_json().encode()), (200, {}, wrong)) as server,
            pytest.raises(UserError, match="no mask of its 5 classes"),
        ):
            Client(server.url).segment(toy.photo(4, 4))


def test_a_redirect_is_not_followed_since_it_would_take_the_key_along() -> None:
    with answering((200, {}, b"{}")) as elsewhere:
        for status in (301, 302, 307, 308):
            moved = {"Location": f"{elsewhere.url}/contract"}
            with answering((status, moved, b"")) as server, pytest.raises(UserError) as told:
                Client(server.url, key="secret").contract()
            assert told.value.message == f"{server.url} answered {status}"
            assert elsewhere.url in told.value.hint
    assert elsewhere.noted == []


def test_an_error_that_breaks_off_is_an_error_like_any_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def half() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhalf")

        thread = threading.Thread(target=half)
        thread.start()
        with pytest.raises(UserError, match="broke off"):
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}").contract()
        thread.join()


def test_times_that_are_no_numbers_are_passed_over(toy: SimpleNamespace) -> None:
    promise = toy.contract()
    mask = png.encode(np.zeros((4, 5), np.uint8), promise.palette)
    told = {"Server-Timing": "decode;dur=1.5, proxy;dur=1.2.3, edge;dur=."}
    with answering((200, {}, promise.to_json().encode()), (200, told, mask)) as server:
        assert Client(server.url).segment(toy.photo(4, 5)).milliseconds == {"decode": 1.5}


def test_a_server_of_another_kind_is_said_to_be_none_of_ours() -> None:
    with answering((200, {}, b"<html>\xff")) as server:
        with pytest.raises(UserError, match="names no models"):
            Client(server.url).models()
        with pytest.raises(UserError, match="not JSON"):
            Client(server.url).contract()


def test_a_server_that_takes_too_long_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UserError, match=r"within 0\.1 s"):
            Client(url, timeout=0.1).contract()


def test_models_names_what_is_served_the_default_first() -> None:
    told = json.dumps({"models": [{"name": "streets"}, {"name": "fields"}]}).encode()
    with answering((200, {}, told)) as server:
        assert Client(server.url).models() == ("streets", "fields")


def test_the_client_loads_no_web_framework() -> None:
    code = (
        "import sys, serve.client; "
        "print({'fastapi', 'httpx', 'onnxruntime', 'torch'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
