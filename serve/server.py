"""Runs the service on a socket of its own: says when it is ready, reloads and stops when told to.

SIGTERM and SIGINT: requests that were let in are answered, new ones get 503, and the process leaves
with code 0. What is not done `drain` seconds later gets 503 as well, and the code is 1; five more
seconds are for sending. A second signal does not wait. SIGHUP: artefacts and keys are read anew.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from types import FrameType
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from kernels.errors import UserError
from serve import log
from serve.admission import Gate
from serve.app import create_app
from serve.keys import Keys
from serve.line import Line
from serve.models import Models
from serve.patience import KEEP_ALIVE, Patience
from serve.settings import Settings
from serve.thrift import Thrift

# For answers that are ready to get to their clients.
SECONDS_TO_SEND = 5
# Bytes of an answer that the system takes beyond what the client has room for.
AHEAD = 1 << 17


class Server(uvicorn.Server):
    """uvicorn's server, saying `ready` on stderr once it accepts connections."""

    ready: tuple[str, ...] = ()

    def __init__(
        self, config: uvicorn.Config, gate: Gate, *, drain: float, patience: Patience
    ) -> None:
        super().__init__(config)
        self._gate = gate
        self._patience = patience
        self._drain = drain
        self._thrift = Thrift()
        self._told_to_stop: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self.started:
            for line in self.ready:
                log.logger.info(line)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let nobody in any more; whoever is in gets an answer."""
        if self._told_to_stop is None:
            self._told_to_stop = time.monotonic()
            self._gate.closed = True
        else:
            self._drain = 0.0
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether to leave, asked ten times a second; until then it tells its health."""
        # All are of the kind that `configured` names.
        self._patience.look(cast(set[Line], self.server_state.connections))
        self._thrift.look()
        if self._told_to_stop is not None:
            late = time.monotonic() - self._told_to_stop > self._drain
            if late and not self._gate.given_up:
                self._gate.give_up()
            self.should_exit |= late or not self._gate.taken
        return await super().on_tick(counter)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    log.configure(settings.log)
    # Until uvicorn listens to them itself.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    # Without models there is nothing to load anew.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with bound(settings.host, settings.port) as listener:
        given_up = asyncio.run(_serve(settings, listener))
    if given_up:
        log.logger.error(f"stopped with {given_up} request{'s' * (given_up > 1)} not done")
        # What still runs in a thread cannot be stopped, and an ordinary exit would wait for it.
        os._exit(1)


def configured(app: FastAPI, **more: Any) -> uvicorn.Config:
    """The web server around `app`."""
    return uvicorn.Config(
        app,
        # Named, as "auto" takes httptools, uvloop and websockets where they are installed: what
        # else is there must not choose how requests are read and what they may hold.
        http=Line,
        loop="asyncio",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE,
        access_log=False,
        log_config=None,
        **more,
    )


def patience(settings: Settings) -> Patience:
    """How long clients may do nothing; a head has the time of a body."""
    return Patience(head=settings.body_timeout + KEEP_ALIVE, answer=settings.send_timeout)


def bound(host: str, port: int) -> socket.socket:
    """A socket with the address taken; port 0 takes any free one."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol told: asyncio else does not see that it is TCP, and leaves an answer's
        # second part waiting 40 ms for the client to confirm the first.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise UserError(f"no address '{host}' ({error})", hint="try --host 127.0.0.1") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The system else takes megabytes ahead, and then nothing until a third of them is read:
        # who reads slowly would look like who reads nothing.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, AHEAD)
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


async def _serve(settings: Settings, listener: socket.socket) -> int:
    """Serve; how many requests had to be given up."""
    app = create_app(settings)
    gate: Gate = app.state.gate
    # Its lifespan is entered here, where an artefact that cannot be opened is a plain UserError.
    config = configured(app, lifespan="off", timeout_graceful_shutdown=SECONDS_TO_SEND)
    server = Server(config, gate, drain=settings.drain, patience=patience(settings))
    async with app.router.lifespan_context(app):
        _reload_on_hangup(app)
        server.ready = _ready(app.state.models, settings.host, listener)
        _spare_the_collector()
        await server.serve([listener])
        return gate.given_up


def _spare_the_collector() -> None:
    """Let Python's collector look for garbage only in what comes from now on.

    What is there stays, 150 000 objects, until models are opened anew; to go through them stops all
    threads for a tenth of a second every few thousand requests.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _reload_on_hangup(app: FastAPI) -> None:
    models: Models = app.state.models
    keys: Keys | None = app.state.keys
    # asyncio keeps no hold of tasks.
    running: set[asyncio.Task[list[str]]] = set()

    def reload() -> None:
        if keys:
            _reload_keys(keys)
        task = asyncio.create_task(models.reload())
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(lambda _: _spare_the_collector())

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def _ready(models: Models, host: str, listener: socket.socket) -> tuple[str, ...]:
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    lines = [f"serving {', '.join(str(path) for path in models.paths.values())} on {address}"]
    for model in models.all():
        contract, runtime = model.segmenter.contract, model.segmenter.runtime.name
        name = f"{model.name}: " if len(models.paths) > 1 else ""
        sizes = f"factor {contract.factor}"
        if contract.sight > 1:
            sizes += f", sight {contract.sight}"
        lines.append(f"  {name}{len(contract.classes)} classes, {sizes}, {runtime}")
    lines.append(f"  try: curl --data-binary @street.jpg {address}/segment -o mask.png")
    return tuple(lines)


def _reload_keys(keys: Keys) -> None:
    try:
        keys.reload()
    except UserError as error:
        log.logger.error("the API keys stay what they were: %s", error.message)
    else:
        log.logger.info("the API keys were read anew")


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
