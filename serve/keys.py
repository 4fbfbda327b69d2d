"""API keys: who may ask, decided before a byte of the body is read."""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from pathlib import Path

from starlette.datastructures import Headers

from kernels.errors import UserError
from serve.log import logger

# Whoever watches the service has no key, and a browser asks for the page before it can send one.
OPEN = frozenset({"/", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
PAGE = "/page/"  # what the page at / is made of
SHORTEST = 16
HINT = "one key a line, # before or behind it begins a comment; `openssl rand -hex 24` makes one"
# A `#` in the middle of a word is a slip: half a key would be let in, and the whole one not.
COMMENT = re.compile(r"(^|\s)#.*")


class Keys:
    """The keys of one file; only their hashes are kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hashes = read(path)

    def reload(self) -> None:
        """Read the file again; a file that cannot be used raises, and the old keys stay."""
        self._hashes = read(self._path)

    def admit(self, headers: Headers) -> bool:
        """Whether the request carries a key, as `Authorization: Bearer` or `X-API-Key`."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
        digest = _digest(given)
        # Every key is compared, in a time that says nothing of which one fits or how far.
        fits = [hmac.compare_digest(digest, known) for known in self._hashes]
        return any(fits)


def is_open(path: str) -> bool:
    """Whether everybody may ask for it, with a key or without."""
    return path in OPEN or path.startswith(PAGE)


def read(path: Path) -> tuple[bytes, ...]:
    """The hash of every key in the file."""
    try:
        text = path.read_text(encoding="utf-8")
        open_to_all = path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the API keys in '{path}' ({error})", hint=HINT) from None
    if open_to_all:
        logger.warning("everybody on this machine can read the API keys: chmod o= '%s'", path)
    lines = [COMMENT.sub("", line).strip() for line in text.splitlines()]
    keys = [line for line in lines if line]
    if not keys:
        raise UserError(f"'{path}' has no API key", hint=HINT)
    for number, key in enumerate(lines, start=1):
        if key:
            _check(key, f"'{path}' line {number}")
    return tuple(_digest(key) for key in keys)


def _check(key: str, where: str) -> None:
    if not key.isascii() or not key.isprintable() or {" ", "#"} & set(key):
        raise UserError(f"{where}: a key is one word of ASCII characters without #", hint=HINT)
    if len(key) < SHORTEST:
        raise UserError(
            f"{where}: a key of {len(key)} characters, and at least {SHORTEST} are wanted",
            hint=HINT,
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
