"""The page at `/`: files of serve/web as they lie there, and nothing else."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"
# Nothing from elsewhere, nothing inline, nothing sent elsewhere, and no frame around it.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    # A newer softres is seen at once; what has not changed is answered without a body.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of the page, ready to be answered."""

    content: bytes
    media_type: str
    etag: str


@functools.cache
def files() -> dict[str, File]:
    """Every file of the page by its name; a name that is not here is answered by nothing."""
    folder = resources.files("serve").joinpath("web")
    return {
        item.name: _file(item.name, item.read_bytes())
        for item in folder.iterdir()
        if PurePath(item.name).suffix in TYPES
    }


def _file(name: str, content: bytes) -> File:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return File(content=content, media_type=TYPES[PurePath(name).suffix], etag=f'"{digest}"')


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """The page."""
    return _answer(request, INDEX)


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
async def part(request: Request, name: str) -> Response:
    """What the page is made of."""
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    file = files().get(name)
    if file is None:
        raise HTTPException(404, "the page has no such file")
    headers = {**HEADERS, "ETag": file.etag}
    known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
