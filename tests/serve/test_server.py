"""The socket that the service listens on, and the web server behind it."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import ModuleType

import pytest
from fastapi import FastAPI

from serve.line import Line
from serve.server import bound, configured


def test_no_part_of_an_answer_waits_for_the_client_to_confirm_the_part_before() -> None:
    async def told() -> int:
        accepted: asyncio.Future[asyncio.BaseTransport] = asyncio.Future()

        class Line(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.set_result(transport)

        with bound("127.0.0.1", 0) as listener:
            server = await asyncio.get_running_loop().create_server(Line, sock=listener)
            async with server:
                _, line = await asyncio.open_connection(*listener.getsockname())
                transport = await accepted
                found = transport.get_extra_info("socket")
                option: int = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                line.close()
                transport.close()
                return option

    assert asyncio.run(told())


def test_what_else_is_installed_does_not_choose_how_requests_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("uvloop", "httptools", "websockets", "wsproto"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    config = configured(FastAPI())
    config.load()
    assert config.http_protocol_class is Line
    assert config.ws_protocol_class is None
    make_loop = config.get_loop_factory()
    assert make_loop is not None
    loop = make_loop()
    loop.close()
    assert type(loop).__module__.startswith("asyncio.")
