"""Lets a request in and takes its body; what can be refused is refused before it is read."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from serve import upload
from serve.admission import Gate
from serve.errors import UnsupportedError
from serve.settings import Settings


async def admit(request: Request) -> tuple[bytes, Callable[[], None]]:
    """The body, and what gives back the place that the request holds."""
    settings: Settings = request.app.state.settings
    gate: Gate = request.app.state.gate
    refuse_packed(request)
    upload.check_length(request, settings.max_bytes)
    leave = gate.enter()
    try:
        return await upload.read(request, settings.max_bytes, settings.body_timeout), leave
    except BaseException:
        leave()
        raise


def refuse_packed(request: Request) -> None:
    """Raise where the body is compressed: a few bytes of it could unpack to any number."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedError(
            "the body is compressed by Content-Encoding",
            hint="send it as it is; picture files are compressed already",
        )
