"""Answers every error as a JSON problem (RFC 9457) with a hint, and never with a traceback.

Below /v2 it is the error object of the Open Inference Protocol instead.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from kernels.errors import UserError
from kernels.picture import TooLargeError
from serve import record
from serve.negotiate import UnacceptableError

MEDIA_TYPE = "application/problem+json"


class UnknownError(UserError):
    """A name in the path that is none of those there are."""


class UnsupportedError(UserError):
    """The body is in a form that is not read here."""


class RefusedNowError(Exception):
    """The request may be a good one, but not now; `wait` says when to come again, in seconds."""

    def __init__(self, status: int, detail: str, *, hint: str, wait: int = 0) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint, self.wait = status, detail, hint, wait


# Of errors that a client can tell apart; the rest of its own are 400.
STATUS: dict[type[UserError], int] = {
    TooLargeError: 413,
    UnacceptableError: 406,
    UnknownError: 404,
    UnsupportedError: 415,
}


def install(app: FastAPI) -> None:
    """Make `app` answer its errors this way; the door answers what nobody expected."""
    for kind, handler in (
        (UserError, _user_error),
        (RefusedNowError, _refused_now),
        (HTTPException, _http_error),
        (RequestValidationError, _invalid),
        (ClientDisconnect, _client_left),
    ):
        app.add_exception_handler(kind, handler)


def answer(scope: Scope, status: int, detail: str, *, hint: str = "") -> Response:
    """The answer with this status, in the form that the route's clients read."""
    if scope["path"].startswith("/v2"):
        # Plain text: its clients show it as it is.
        told = f"{detail}; hint: {hint}" if hint else detail
        return _json({"error": told}, status, "application/json")
    plain = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "hint": hint,
        "request_id": record.of(scope).id,
    }
    return _json(plain, status, MEDIA_TYPE)


def _json(plain: object, status: int, media_type: str) -> Response:
    text = json.dumps(plain, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status_code=status, media_type=media_type)


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    return answer(request.scope, status, error.message, hint=error.hint)


async def _refused_now(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedNowError)
    told = answer(request.scope, error.status, error.detail, hint=error.hint)
    if error.wait:
        told.headers["Retry-After"] = str(error.wait)
    return told


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = f"{request.method} {request.url.path}"
    told = answer(
        request.scope,
        error.status_code,
        f"{path}: {error.detail}",
        hint="the routes are at /docs",
    )
    told.headers.update(error.headers or {})
    return told


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = "; ".join(
        f"{' '.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()
    )
    return answer(request.scope, 400, faults, hint="the routes and what they take are at /docs")


async def _client_left(request: Request, error: Exception) -> Response:
    # Nobody reads it; it only keeps a broken connection from being logged as our failure.
    return answer(request.scope, 400, "the body ended early")
