"""Writes the log to stderr: short lines for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from starlette.types import Scope

from serve.record import Record, route

LONGEST_PATH = 200
# Asked every few seconds by whoever watches: only worth a line when they fail.
PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})

# What is said here and by others. Decoders of pictures and forms tell of bytes that any client may
# send, and the request's answer says it too.
LEVELS = {
    "serve": logging.INFO,
    "uvicorn": logging.WARNING,
    "asyncio": logging.WARNING,
    "py.warnings": logging.WARNING,
    "PIL": logging.CRITICAL,
    "python_multipart": logging.CRITICAL,
}

logger = logging.getLogger("serve")


def configure(form: str) -> None:
    """Send all that is said to stderr in this form; for the command line alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AsJson() if form == "json" else AsText())
    logging.captureWarnings(True)
    for name, level in LEVELS.items():
        log = logging.getLogger(name)
        log.handlers = [handler]
        log.setLevel(level)
        log.propagate = False


def access(scope: Scope, record: Record, took: float) -> None:
    """One line for a request that was answered in `took` milliseconds."""
    if scope["path"] in PROBES and record.status < 400:
        return
    facts = {
        "request_id": record.id,
        "method": scope["method"][:20],
        "path": scope["path"][:LONGEST_PATH],
        "route": route(scope),
        "status": record.status,
        "ms": round(took, 3),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
    }
    if record.model:
        stages = {name: round(part, 3) for name, part in record.milliseconds.items()}
        facts |= {"model": record.model, "pixels": record.pixels, "stages": stages}
    logger.info("request", extra={"facts": facts})


def failure(record: Record) -> None:
    """The traceback of the exception that is being handled, with the request it ended."""
    logger.exception("request failed", extra={"facts": {"request_id": record.id}})


class AsJson(logging.Formatter):
    """One JSON object a line; JSON itself escapes what would break a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one event."""
        plain: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            plain["traceback"] = self.formatException(record.exc_info)
        return json.dumps(plain)


class AsText(logging.Formatter):
    """A line for people; nothing a client sends can begin a line or move the cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one event, and the marked lines of its traceback."""
        facts = getattr(record, "facts", {})
        text = _request(record, facts) if "status" in facts else _event(record, facts)
        lines = [text]
        if record.exc_info:
            lines += (f"  | {line}" for line in self.formatException(record.exc_info).splitlines())
        return "\n".join(harmless(line) for line in lines)


def harmless(text: str) -> str:
    """`text` with every character that does not print as itself written as its escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _event(record: logging.LogRecord, facts: dict[str, Any]) -> str:
    # As every command line here says it: what is fine needs no word for it.
    level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
    named = "".join(f" {name}={value}" for name, value in facts.items())
    return f"{level}{record.getMessage()}{named}"


def _request(record: logging.LogRecord, facts: dict[str, Any]) -> str:
    time = f"{datetime.fromtimestamp(record.created):%H:%M:%S}"
    parts = [f"{time} {facts['status']} {facts['method']} {facts['path']} {facts['ms']:.0f} ms"]
    if "model" in facts:
        stages = ", ".join(f"{name} {took:.0f}" for name, took in facts["stages"].items())
        parts.append(
            f"{facts['model']} {facts['pixels'] / 1e6:.2f} MP" + f" ({stages})" * bool(stages)
        )
    parts.append(f"{facts['bytes_in']} B in, {facts['bytes_out']} B out, id {facts['request_id']}")
    return ", ".join(parts)
