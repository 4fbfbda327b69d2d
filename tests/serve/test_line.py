"""Bytes that are no HTTP end a connection, and nothing is complained of."""

from __future__ import annotations

import logging
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_CHUNK = b"no length\r\n"


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        # Read to its end, and answered before that.
        (b"/segment", [b"400"]),
        (b"/nowhere", [b"404"]),
    ],
)
def test_a_body_that_is_none_is_refused_once(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, path: bytes, statuses: list[bytes]
) -> None:
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(HEAD % path + b"4\r\nhalf\r\n")
        # Until the one is waited for, and the other answered.
        time.sleep(0.2)
        line.sendall(NO_CHUNK)
        told = b"".join(iter(lambda: line.recv(65536), b""))
    assert [each[:3] for each in told.split(b"HTTP/1.1 ")[1:]] == statuses
    assert client.get("/healthz").json()["held"] == 0
    assert [each.message for each in caplog.records if each.levelno >= logging.ERROR] == []
