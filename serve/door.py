"""Where every request comes in and every answer goes out: id, key, log line, numbers, headers."""

from __future__ import annotations

import time

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve import errors, log, record
from serve.keys import Keys, is_open
from serve.linger import Linger
from serve.metrics import Metrics

HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


# What a page of another origin may send and read, once it is let in.
TENSORS = "Inference-Header-Content-Length"
ASKED = ("Authorization", "Content-Type", "X-API-Key", record.HEADER, TENSORS)
TOLD = ("Retry-After", "Server-Timing", record.HEADER, TENSORS)
LEFT = 499


def install(
    app: FastAPI, *, metrics: Metrics, keys: Keys | None = None, origins: tuple[str, ...] = ()
) -> None:
    """Put these layers around `app`; the last one is the outermost."""
    if keys:
        app.add_middleware(Guard, keys=keys)
    if origins:
        # Outside of the keys: a browser asks whether it may before it sends one.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=ASKED,
            expose_headers=TOLD,
        )
    app.add_middleware(Linger)
    app.add_middleware(Door, metrics=metrics)


class Door:
    """The outermost layer of the app; an exception nobody expected ends here."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, and say what became of it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begin, told = time.perf_counter(), record.begin(scope)
        with self._metrics.in_flight.track_inprogress():
            try:
                await self._answer(scope, receive, send, told)
            finally:
                # The client left before there was an answer; the number is nginx's.
                told.status = told.status or LEFT
                took = (time.perf_counter() - begin) * 1000
                self._metrics.count(scope, told, took)
                log.access(scope, told, took)
        return None

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, told: record.Record
    ) -> None:
        async def counted_in() -> Message:
            message = await receive()
            told.bytes_in += len(message.get("body", b""))
            return message

        async def counted_out(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                MutableHeaders(scope=message).update({record.HEADER: told.id, **HEADERS})
            told.bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counted_in, counted_out)
        except Exception:
            log.failure(told)
            # Half an answer cannot be taken back: the web server then cuts the connection.
            if told.status:
                raise
            answer = errors.answer(
                scope, 500, "the server failed on this request", hint="its log says where and why"
            )
            await answer(scope, receive, counted_out)


class Guard:
    """Turns away who has no key, without waiting for the body."""

    def __init__(self, app: ASGIApp, *, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is open to all or carries a key."""
        closed = scope["type"] == "http" and not is_open(scope["path"])
        if not closed or self._keys.admit(Headers(scope=scope)):
            return await self._app(scope, receive, send)
        answer = errors.answer(
            scope,
            401,
            "no API key that this server knows",
            hint="send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
        )
        answer.headers["WWW-Authenticate"] = 'Bearer realm="softres"'
        return await answer(scope, receive, send)
