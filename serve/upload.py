"""Takes the pictures out of a request, and never more bytes of them than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from kernels.errors import UserError
from kernels.picture import TooLargeError
from serve.errors import RefusedNowError

FORM_HINT = "send files: curl -F picture=@street.jpg, or the bytes of one: --data-binary @..."
# Of one form; their answers are held until the last one is made.
MOST_PICTURES = 64


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A picture file as it was sent, and what the client calls it."""

    name: str
    data: bytes


class _InMemory(MultiPartParser):
    # 0 is "never to disk": the limit on bytes bounds it, and a container may have no disk.
    spool_max_size = 0


async def read(request: Request, most: int, seconds: float) -> list[Upload]:
    """The pictures in the body, one that is bare or all those of a form, if they come in time."""
    try:
        async with asyncio.timeout(seconds):
            return await _whole(request, most)
    except TimeoutError:
        raise RefusedNowError(
            408,
            f"the body did not arrive within {seconds:g} seconds",
            hint="send a smaller file, or over a faster line",
        ) from None


def check_length(request: Request, most: int) -> None:
    """Raise at once where the body is known to be too long."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)


async def _whole(request: Request, most: int) -> list[Upload]:
    body = _limited(request, most)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _files(request, body)
    return [Upload(name="picture", data=b"".join([chunk async for chunk in body]))]


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes in, up to the limit."""
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > most:
            raise _too_large(most)
        yield chunk


async def _files(request: Request, body: AsyncGenerator[bytes, None]) -> list[Upload]:
    try:
        form = await _InMemory(request.headers, body, max_files=MOST_PICTURES).parse()
    # The form chooses the charset of its names, and some of those fail in ways of their own.
    except (MultiPartException, UnicodeError) as error:
        raise UserError(f"multipart body: {error}", hint=FORM_HINT) from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    try:
        if not files:
            raise UserError("multipart body with 0 files", hint=FORM_HINT)
        return [Upload(name=each.filename or "picture", data=await each.read()) for each in files]
    finally:
        await form.close()


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(
        f"body of more than {most} bytes",
        hint="reduce the picture, or start the server with a larger --max-bytes",
    )
