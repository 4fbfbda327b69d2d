"""Every bad request gets a status, a JSON problem and a hint; none gets a traceback."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import numpy as np
import onnx
import pytest

from kernels import png
from serve import linger
from serve.settings import Settings
from serve.upload import MOST_PICTURES

MOST_BYTES = 4_000_000


def assert_problem(answer: httpx.Response, status: int) -> dict[str, str]:
    problem = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert problem["hint"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert "Traceback" not in answer.text
    return problem


def in_chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 50_000):
        yield bytes(50_000)


def bomb(side: int) -> bytes:
    """A white PNG of side x side pixels, one bit each, in a few kilobytes."""
    lines = np.zeros((side, side // 8 + 1), np.uint8).tobytes()
    header = np.array([side, side], ">u4").tobytes() + bytes([1, 0, 0, 0, 0])
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return png.SIGNATURE + b"".join(png._chunk(name, data) for name, data in parts)


@pytest.mark.parametrize(
    "data", [b"hello", b"GIF89a" + bytes(50), b"\xff\xd8\xff\xe0", bytes(1000), b"{}"]
)
def test_what_is_not_a_picture_is_a_bad_request(client: httpx.Client, data: bytes) -> None:
    problem = assert_problem(client.post("/segment", content=data), 400)
    assert "JPEG, PNG, WebP, TIFF or BMP" in problem["detail"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_a_bad_request(
    client: httpx.Client, toy: SimpleNamespace, kind: str
) -> None:
    whole = toy.written(toy.photo(200, 300), kind)
    assert_problem(client.post("/segment", content=whole[: len(whole) // 2]), 400)


def test_no_bytes_are_a_bad_request(client: httpx.Client) -> None:
    assert "0 bytes" in assert_problem(client.post("/segment"), 400)["detail"]


def test_a_bomb_of_a_hundred_megapixels_is_too_large(client: httpx.Client) -> None:
    data = bomb(10_000)
    assert len(data) < 15_000
    problem = assert_problem(client.post("/segment", content=data), 413)
    assert "10000x10000" in problem["detail"]


def test_more_pixels_than_the_server_was_started_for_are_too_large(
    model: Path, toy: SimpleNamespace
) -> None:
    with toy.running(Settings(models=(model,), max_pixels=99)) as client:
        assert client.post("/segment", content=toy.written(toy.photo(9, 11))).status_code == 200
        assert_problem(client.post("/segment", content=toy.written(toy.photo(10, 10))), 413)


@pytest.mark.parametrize("excess", [1, 40_000_000])
def test_a_longer_body_than_allowed_is_too_large(client: httpx.Client, excess: int) -> None:
    problem = assert_problem(client.post("/segment", content=bytes(MOST_BYTES + excess)), 413)
    assert str(MOST_BYTES) in problem["detail"]


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: httpx.Client) -> None:
    assert_problem(client.post("/segment", content=in_chunks(2 * MOST_BYTES)), 413)


def test_a_form_longer_than_allowed_is_too_large(client: httpx.Client) -> None:
    assert_problem(client.post("/segment", files={"picture": bytes(MOST_BYTES)}), 413)


def test_a_body_announced_as_too_long_is_refused_before_it_is_sent(client: httpx.Client) -> None:
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("charset", ["undefined", "punycode"])
def test_a_form_whose_names_cannot_be_read_is_the_clients_error(
    charset: str, client: httpx.Client
) -> None:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    form = (
        b'--x\r\nContent-Disposition: form-data; name="p"; filename="a.png"\r\n\r\nz\r\n--x--\r\n'
    )
    answer = client.post("/segment", content=form, headers={"Content-Type": kind})
    assert_problem(answer, 400)


HUGE = b"POST /segment HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


def test_who_sends_far_too_much_and_closes_still_learns_why(client: httpx.Client) -> None:
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        # More than the buffers between the two hold: most clients listen only after it.
        line.sendall(HUGE % 30_000_000 + bytes(30_000_000))
        told = b"".join(iter(lambda: line.recv(65536), b""))
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"body of more than 4000000 bytes" in told


def left(line: socket.socket) -> bool:
    """Whether the other end has closed, which one learns by sending and listening."""
    try:
        line.sendall(b"endless")
        return line.recv(1000) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_who_never_ends_a_body_that_is_refused_is_left(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linger, "SECONDS", 0.3)
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(HUGE % 9_000_000_000)
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")
        told = time.monotonic()
        line.settimeout(0.02)
        while not left(line):
            assert time.monotonic() - told < 5


def test_a_client_that_leaves_in_the_middle_does_no_harm(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
    answer = client.post("/segment", content=toy.written(toy.photo(9, 9)))
    assert answer.status_code == 200


def test_a_form_without_a_file_is_a_bad_request(client: httpx.Client) -> None:
    # A part without a file name is a field of text.
    answer = client.post("/segment", files={"picture": (None, b"hello")})
    problem = assert_problem(answer, 400)
    assert "0 files" in problem["detail"]
    assert "curl -F" in problem["hint"]


def test_a_form_with_more_files_than_are_taken_is_a_bad_request(client: httpx.Client) -> None:
    sent = [("one", (f"{index}.png", b"1")) for index in range(MOST_PICTURES + 1)]
    assert_problem(client.post("/segment", files=sent), 400)


@pytest.mark.parametrize(
    ("query", "status"), [("format=pgn", 400), ("window=0,0,10,9", 400), ("classes=gone", 400)]
)
def test_a_wrong_parameter_is_a_bad_request(
    client: httpx.Client, toy: SimpleNamespace, query: str, status: int
) -> None:
    answer = client.post(f"/segment?{query}", content=toy.written(toy.photo(9, 9)))
    assert_problem(answer, status)


def test_a_client_that_accepts_no_format_is_told_which_there_are(client: httpx.Client) -> None:
    problem = assert_problem(client.post("/segment", headers={"Accept": "text/html"}), 406)
    assert "application/geo+json" in problem["hint"]


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "Multipart/Form-Data;"]
)
def test_a_malformed_form_is_a_bad_request(client: httpx.Client, kind: str) -> None:
    answer = client.post("/segment", content=b"no form at all", headers={"Content-Type": kind})
    assert_problem(answer, 400)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/segment", 405), ("GET", "/nowhere", 404)]
)
def test_a_wrong_route_is_a_problem_too(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    assert_problem(client.request(method, path), status)


def test_a_failing_network_is_a_server_error_that_leaks_nothing(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    path = tmp_path / "model.onnx"
    model = toy.artefact(toy.contract())
    # This network takes the warm-up's size and no other.
    shape = onnx.numpy_helper.from_array(np.array([1, 32, 32, 3]), "shape")
    model.graph.initializer.append(shape)
    at = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "network.float")
    model.graph.node[at].input[0] = "fixed"
    fixed = onnx.helper.make_node("Reshape", ["small", "shape"], ["fixed"])
    model.graph.node.insert(at, fixed)
    onnx.save(model, path)
    with toy.running(Settings(models=(path,))) as client:
        problem = assert_problem(
            client.post("/segment", content=toy.written(toy.photo(50, 70))), 500
        )
        # On another connection: the one that failed is closed.
        assert httpx.get(f"{client.base_url}/healthz", trust_env=False).status_code == 200
    assert "Reshape" not in str(problem)
    assert str(tmp_path) not in str(problem)
