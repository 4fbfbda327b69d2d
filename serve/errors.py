"""Answers every error as a JSON problem (RFC 9457) with a hint, and never with a traceback."""

from __future__ import annotations

import json
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from kernels.errors import UserError
from kernels.picture import TooLargeError
from serve.negotiate import UnacceptableError

MEDIA_TYPE = "application/problem+json"


class UnknownError(UserError):
    """A name in the path that is none of those there are."""


class RefusedNowError(Exception):
    """The request may be a good one, but not now; `wait` says when to come again, in seconds."""

    def __init__(self, status: int, detail: str, *, hint: str, wait: int = 0) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint, self.wait = status, detail, hint, wait


# Of errors that a client can tell apart; the rest of its own are 400.
STATUS: dict[type[UserError], int] = {TooLargeError: 413, UnacceptableError: 406, UnknownError: 404}


def install(app: FastAPI) -> None:
    """Make `app` answer its errors this way."""
    for kind, handler in (
        (UserError, _user_error),
        (RefusedNowError, _refused_now),
        (HTTPException, _http_error),
        (ClientDisconnect, _client_left),
        (Exception, _unexpected),
    ):
        app.add_exception_handler(kind, handler)


def problem(status: int, detail: str, *, hint: str = "") -> Response:
    """The answer with this status; its title is the status in words."""
    plain = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "hint": hint,
    }
    text = json.dumps(plain, ensure_ascii=False)
    return Response(text.encode(), status_code=status, media_type=MEDIA_TYPE)


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    return problem(status, error.message, hint=error.hint)


async def _refused_now(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedNowError)
    answer = problem(error.status, error.detail, hint=error.hint)
    if error.wait:
        answer.headers["Retry-After"] = str(error.wait)
    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = f"{request.method} {request.url.path}"
    answer = problem(error.status_code, f"{path}: {error.detail}", hint="the routes are at /docs")
    answer.headers.update(error.headers or {})
    return answer


async def _client_left(request: Request, error: Exception) -> Response:
    # Nobody reads it; it only keeps a broken connection from being logged as our failure.
    return problem(400, "the body ended early")


async def _unexpected(request: Request, error: Exception) -> Response:
    return problem(500, "the server failed on this request", hint="its log says where and why")
