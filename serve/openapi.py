"""What /docs says of `POST /segment`: parameters, bodies, answers and errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kernels.picture import KINDS
from serve import encode, errors, many, parameters
from serve.clock import STAGES
from serve.keys import is_open
from serve.negotiate import Common
from serve.upload import MOST_PICTURES

SEGMENT = f"""\
The class of every pixel, at the full size of the picture.

Send a {KINDS} file of any size: as the bare body with any content type, or as the
files of a `multipart/form-data` body under any field names. A picture with an EXIF orientation is
turned upright first, and the mask is that of the **upright** picture: its height and width may be
swapped against the stored ones. Of several pages or frames it is the first. A JPEG is decoded
straight to what the network sees where it can be (unless the server was told --whole-decode): its
mask may differ in some pixels of a thousand from that of the same pixels sent as PNG.

The answer is a palette PNG unless `?format=` or `Accept` says otherwise; `format` wins. Of the
types that `Accept` likes best, one that it names wins over one in a wildcard, PNG over the rest.

Several files in one form are answered in their order: by a JSON array where the format is JSON,
otherwise by a zip of one file a picture, named like the uploaded one. One bad picture fails them
all.

Of a `window` the whole picture is decoded and seen by the network, but only that part is painted
and answered. `classes` leaves the others out; in `png`, `index` and `npz` they become the
contract's void number, in `overlay` the photo alone, in `confidence` 0.

"""

BINARY = {"type": "string", "format": "binary"}
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp")
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "hint", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong"},
        "hint": {"type": "string", "description": "what to do about it"},
        "request_id": {"type": "string", "description": "as in the log of the server"},
    },
}

# Of the Open Inference Protocol.
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": BINARY} for kind in (*MEDIA_TYPES, "application/octet-stream")},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["picture"],
                    "properties": {
                        "picture": {"type": "array", "items": BINARY, "maxItems": MOST_PICTURES}
                    },
                }
            },
        },
    }
}


def operation() -> dict[str, Any]:
    """The request: its parameters, those of every format among them, and its body."""
    common = parameters.describe(Common)
    common[0]["schema"] = {
        "type": "string",
        "enum": list(encode.names()),
        "default": encode.DEFAULT,
    }
    return {"parameters": [*common, *_of_formats()], **BODY}


def description() -> str:
    """What there is to know, and what each format is."""
    lines = [f"- `{name}`: {_first_line(name)}" for name in encode.names()]
    return SEGMENT + "\n".join(lines)


def answers() -> dict[int | str, dict[str, Any]]:
    """The mask in every media type, and every problem."""
    return {200: _mask(), **failures("/segment", 400, 404, 406, 408, 413, 415, 429, 503)}


def failures(path: str, *codes: int) -> dict[int | str, dict[str, Any]]:
    """What the route at this path says of its errors."""
    if not path.startswith("/v2"):
        return {code: PROBLEMS[code] for code in codes}
    plain = {"application/json": {"schema": ERROR}}
    return {code: {**PROBLEMS[code], "content": plain} for code in codes}


def complete(described: dict[str, Any], names: Iterable[str], *, keys: bool) -> None:
    """Say what no route knows of itself: which models there are, and where a key is wanted."""
    for path, methods in described["paths"].items():
        for one in methods.values():
            # FastAPI's own form of errors, which is never answered.
            one["responses"].pop("422", None)
            for parameter in one.get("parameters", ()):
                if (parameter["in"], parameter["name"]) == ("path", "name"):
                    parameter["schema"]["enum"] = list(names)
            locked = keys and not is_open(path)
            for code, told in failures(path, *((401, 500) if locked else (500,))).items():
                one["responses"].setdefault(str(code), told)
            if locked:
                one["security"] = [{name: []} for name in SCHEMES]
    parts = described.setdefault("components", {})
    for name in ("HTTPValidationError", "ValidationError"):
        parts.get("schemas", {}).pop(name, None)
    if keys:
        parts["securitySchemes"] = SCHEMES


def _of_formats() -> Iterator[dict[str, Any]]:
    for name in encode.names():
        yield from parameters.describe(encode.load(name).Options, f"`{name}`: ")


def _first_line(name: str) -> str:
    return (encode.load(name).__doc__ or "").partition("\n")[0]


def _mask() -> dict[str, Any]:
    content: dict[str, dict[str, Any]] = {many.ZIP: {"schema": BINARY}}
    for name in encode.names():
        encoder = encode.load(name)
        for kind in {encoder.MEDIA_TYPE, *encoder.ACCEPT}:
            told = content.setdefault(kind, {"schema": BINARY})
            if encoder.EXAMPLE:
                told["schema"] = {"oneOf": [{"type": "object"}, {"type": "array"}]}
                told.setdefault("examples", {})[name] = {"value": encoder.EXAMPLE}
    return {
        "description": "The mask, or those of several pictures.",
        "content": dict(sorted(content.items())),
        "headers": {
            "Server-Timing": {
                "description": f"Milliseconds spent in {', '.join(STAGES)}.",
                "schema": {"type": "string"},
            },
            "Vary": {"description": "`Accept`.", "schema": {"type": "string"}},
        },
    }


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {errors.MEDIA_TYPE: {"schema": PROBLEM}}}


def _later(description: str) -> dict[str, Any]:
    """A problem that passes; the answer says when."""
    told = {"description": "Seconds until it is worth another try.", "schema": {"type": "integer"}}
    return {**_problem(description), "headers": {"Retry-After": told}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {
        **_problem("No API key that this server knows."),
        "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
    },
    400: _problem(
        "Not a picture, a damaged one, no bytes, a form without files, or a wrong parameter."
    ),
    404: _problem("There is no model of that name."),
    406: _problem("No format is of a type that `Accept` takes."),
    408: _problem("The body took too long to arrive."),
    413: _problem("More bytes or more pixels than the server takes."),
    415: _problem("A body that is packed (`Content-Encoding`), or of a kind not taken here."),
    429: _later(
        "As many requests wait as may, and the body was not read; or the turn came too late."
    ),
    500: _problem("The server failed; its log says why."),
    503: _later("No answer within the deadline, or the server is about to stop."),
}
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
# Of a server that is asked whether it is ready: nobody knows when.
NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "Models are being opened, or the server is about to stop."}
}
