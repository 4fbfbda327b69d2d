"""A server of the tests that does not end fails the test, and tells what it waits for."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from serve.settings import Settings


def test_a_server_that_does_not_end_tells_which_request_it_waits_for(
    model: Path, toy: SimpleNamespace
) -> None:
    with socket.socket() as line, ExitStack() as server:
        client = server.enter_context(toy.running(Settings(models=(model,)), seconds=0.5))
        where = urlsplit(str(client.base_url))
        line.connect((where.hostname, where.port))
        line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        while client.get("/healthz").json()["held"] == 0:
            time.sleep(0.01)
        with pytest.raises(pytest.fail.Exception, match="did not end") as told:
            server.close()
    said = str(told.value)
    assert "/segment" in said
    assert "serve/upload.py" in said
