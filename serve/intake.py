"""Lets a request in and has its body answered; it refuses what it can before it reads that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.requests import Request

from serve import upload
from serve.admission import Gate
from serve.errors import UnsupportedError
from serve.models import Model
from serve.schedule import Job, Result, Schedule
from serve.settings import Settings
from serve.upload import Upload


async def answer(
    request: Request, model: Model, jobs: Callable[[list[Upload]], Sequence[Job[Result]]]
) -> tuple[list[Upload], list[Result]]:
    """What was sent, and what the jobs of it come to."""
    settings: Settings = request.app.state.settings
    gate: Gate = request.app.state.gate
    schedule: Schedule = request.app.state.schedule
    refuse_packed(request)
    upload.check_length(request, settings.max_bytes)
    leave = gate.enter()
    # From here on: a reload while the body arrives must not close the model that will answer.
    with gate.attended(), model.used():
        try:
            uploads = await upload.read(request, settings.max_bytes, settings.body_timeout)
        except BaseException:
            leave()
            raise
        return uploads, await schedule.answer(request, model, jobs(uploads), leave)


def refuse_packed(request: Request) -> None:
    """Raise where the body is compressed: a few bytes of it could unpack to any number."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedError(
            "the body is compressed by Content-Encoding",
            hint="send it as it is; picture files are compressed already",
        )
