"""What /docs says of `POST /segment`: bodies, answers and errors."""

from __future__ import annotations

from typing import Any

from serve import errors
from serve.segment import STAGES

SEGMENT = """\
The class of every pixel, as a PNG of the same height and width.

Send a JPEG, PNG or WebP file of any size: as the bare body with any content type, or as the one
file of a `multipart/form-data` body under any field name. A picture with an EXIF orientation is
turned upright first, and the mask is that of the **upright** picture: its height and width may be
swapped against the stored ones.

The pixel value is the class id and the palette holds the contract's colours. Past 256 classes the
PNG is a 16-bit grey one without colours.
"""

BINARY = {"type": "string", "format": "binary"}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "hint"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong"},
        "hint": {"type": "string", "description": "what to do about it"},
    },
}

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": BINARY} for kind in ("image/jpeg", "image/png", "image/webp")},
            "application/octet-stream": {"schema": BINARY},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["picture"],
                    "properties": {"picture": BINARY},
                }
            },
        },
    }
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {errors.MEDIA_TYPE: {"schema": PROBLEM}}}


def _later(description: str) -> dict[str, Any]:
    """A problem that passes; the answer says when."""
    seconds = {
        "description": "Seconds until it is worth another try.",
        "schema": {"type": "integer"},
    }
    return {**_problem(description), "headers": {"Retry-After": seconds}}


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The mask.",
        "content": {"image/png": {"schema": BINARY}},
        "headers": {
            "Server-Timing": {
                "description": f"Milliseconds spent in {', '.join(STAGES)}.",
                "schema": {"type": "string"},
            }
        },
    },
    400: _problem("Not a picture, a damaged one, no bytes, or a form without exactly one file."),
    404: _problem("There is no model of that name."),
    408: _problem("The body took too long to arrive."),
    413: _problem("More bytes or more pixels than the server takes."),
    429: _later("As many requests wait as may; the body was not read."),
    500: _problem("The server failed; its log says why."),
    503: _later("No answer within the deadline, or the server is about to stop."),
}
