"""Takes the bytes of the picture out of a request, and never more of them than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from kernels.errors import UserError
from kernels.picture import TooLargeError
from serve.errors import RefusedNowError

FORM_HINT = "send one file: curl -F picture=@street.jpg, or the bare bytes: --data-binary @..."


class _InMemory(MultiPartParser):
    # 0 is "never to disk": the limit on bytes bounds it, and a container may have no disk.
    spool_max_size = 0


async def read(request: Request, most: int, seconds: float) -> bytes:
    """The picture file in the body, bare or as the one file of a form, if it comes in time."""
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


async def _whole(request: Request, most: int) -> bytes:
    body = _limited(request, most)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _file(request, body)
    return b"".join([chunk async for chunk in body])


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes in, up to the limit."""
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > most:
            raise _too_large(most)
        yield chunk


async def _file(request: Request, body: AsyncGenerator[bytes, None]) -> bytes:
    try:
        form = await _InMemory(request.headers, body).parse()
    except MultiPartException as error:
        raise UserError(f"multipart body: {error.message}", hint=FORM_HINT) from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    try:
        if len(files) != 1:
            raise UserError(f"multipart body with {len(files)} files", hint=FORM_HINT)
        return await files[0].read()
    finally:
        await form.close()


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(
        f"body of more than {most} bytes",
        hint="reduce the picture, or start the server with a larger --max-bytes",
    )
