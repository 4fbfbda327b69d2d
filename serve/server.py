"""Runs the service on a socket of its own: says when it is ready, stops when asked to."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from types import FrameType

import uvicorn

from kernels.errors import UserError
from serve.app import create_app
from serve.segment import Segmenter
from serve.settings import Settings

# A client that never finishes its upload must not keep the server from stopping.
SECONDS_TO_STOP = 10


class Server(uvicorn.Server):
    """uvicorn's server, saying `ready` on stderr once it accepts connections."""

    ready = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self.started:
            sys.stderr.write(self.ready)
            sys.stderr.flush()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then leave with exit code 0."""
    # uvicorn raises the signal again after it has stopped: this is who receives it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    with bound(settings.host, settings.port) as listener:
        asyncio.run(_serve(settings, listener))


def bound(host: str, port: int) -> socket.socket:
    """A socket with the address taken; port 0 takes any free one."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UserError(f"no address '{host}' ({error})", hint="try --host 127.0.0.1") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two servers may bind the same address, but only one may listen.
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {host}:{port} ({error.strerror})",
            hint="choose another --port; --port 0 takes a free one",
        ) from None
    return listener


async def _serve(settings: Settings, listener: socket.socket) -> None:
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        # Entered here instead, where an artefact that cannot be opened is a plain UserError.
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=SECONDS_TO_STOP,
    )
    server = Server(config)
    async with app.router.lifespan_context(app):
        server.ready = _ready(settings, app.state.segmenter, listener)
        await server.serve([listener])


def _ready(settings: Settings, segmenter: Segmenter, listener: socket.socket) -> str:
    contract = segmenter.contract
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{listener.getsockname()[1]}"
    return (
        f"serving {settings.model} on {address}\n"
        f"  {len(contract.classes)} classes, factor {contract.factor}, {segmenter.runtime.name}\n"
        f"  try: curl --data-binary @street.jpg {address}/segment -o mask.png\n"
    )


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
