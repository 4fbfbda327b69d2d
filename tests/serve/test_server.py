"""The socket that the service listens on."""

from __future__ import annotations

import asyncio
import socket

from serve.server import bound


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
