"""What is learned of one request while it is answered, for its log line and the metrics."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

HEADER = "X-Request-ID"
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
OTHER = "other"


@dataclass(kw_only=True)
class Record:
    """One request; whoever answers it fills in what it knows."""

    id: str
    # A name this server gave a model, never what the client wrote.
    model: str = ""
    status: int = 0
    pixels: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)  # by stage

    def add(self, milliseconds: Mapping[str, float]) -> None:
        """Count the stages of one more picture."""
        for stage, took in milliseconds.items():
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + took


def of(scope: Scope) -> Record:
    """The record of the request; one that nobody reads where it did not come by the door."""
    record = scope.setdefault("state", {}).setdefault("record", None)
    if record is None:
        record = scope["state"]["record"] = Record(id=uuid.uuid4().hex)
    assert isinstance(record, Record)
    return record


def begin(scope: Scope) -> Record:
    """A fresh record with the id the client gave, if it is a sane one, or one of our own."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    told = given.decode("latin-1")
    record = Record(id=told if SANE_ID.fullmatch(told) else uuid.uuid4().hex)
    scope.setdefault("state", {})["record"] = record
    return record


def route(scope: Scope) -> str:
    """The template of the route that matched, such as /models/{name}; never what was typed."""
    return getattr(scope.get("route"), "path", "") or OTHER
