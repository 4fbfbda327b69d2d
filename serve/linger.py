"""Hears a refused client out for a while: a line closed under its body would lose the answer.

Where bytes come in that nobody reads, closing the line resets it, and the client never sees why.
The web server itself reads on where the line is kept; Python's urllib, and nginx before a service,
ask for it to be closed. So their answer is sent at once, and what still comes is thrown away.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# For the next bytes, and for all of them: a body may be announced that never comes or never ends.
SECONDS_OF_SILENCE = 1.0
SECONDS = 10.0


class Linger:
    """Puts off the end of an answer until the body is over, or has had its time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does."""
        if scope["type"] != "http" or not _would_lose(scope, Headers(scope=scope)):
            return await self._app(scope, receive, send)
        over = False

        async def heard() -> Message:
            nonlocal over
            message = await receive()
            over = over or not message.get("more_body", False)
            return message

        async def rest() -> None:
            while not over:
                async with asyncio.timeout(SECONDS_OF_SILENCE):
                    await heard()

        async def said(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if last and not over:
                await send({**message, "more_body": True})
                try:
                    async with asyncio.timeout(SECONDS):
                        await rest()
                except TimeoutError:
                    pass
                message = {"type": "http.response.body"}
            await send(message)

        return await self._app(scope, heard, said)


def _would_lose(scope: Scope, headers: Headers) -> bool:
    """Whether a body is on its way over a line that is to be closed."""
    closes = "close" in headers.get("connection", "").lower() or scope.get("http_version") == "1.0"
    announced = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    # Who waits for `100 Continue` sends nothing after any other answer.
    waits = headers.get("expect", "").lower() == "100-continue"
    return closes and announced and not waits
