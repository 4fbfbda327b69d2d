"""Lets a request in and has its body answered; it refuses what it can before it reads that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from serve import upload
from serve.admission import Gate
from serve.errors import UnsupportedError
from serve.models import Model
from serve.schedule import Job, Schedule
from serve.settings import Settings

Result = TypeVar("Result")


async def answer(request: Request, model: Model, job: Callable[[bytes], Job[Result]]) -> Result:
    """What the job of the body comes to."""
    settings: Settings = request.app.state.settings
    gate: Gate = request.app.state.gate
    schedule: Schedule = request.app.state.schedule
    refuse_packed(request)
    upload.check_length(request, settings.max_bytes)
    leave = gate.enter()
    with gate.attended():
        try:
            data = await upload.read(request, settings.max_bytes, settings.body_timeout)
        except BaseException:
            leave()
            raise
        return await schedule.answer(request, model, job(data), leave)


def refuse_packed(request: Request) -> None:
    """Raise where the body is compressed: a few bytes of it could unpack to any number."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedError(
            "the body is compressed by Content-Encoding",
            hint="send it as it is; picture files are compressed already",
        )
