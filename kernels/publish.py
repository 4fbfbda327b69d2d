"""Writes a file so that readers see the old one or the new one, never half of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kernels.errors import UserError

HINT = "choose another place with --out"


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well.

    A link is followed. Only a file is replaced: a folder or a device is an error.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise UserError(f"cannot write {path}: it is there and is no file", hint=HINT)
    draft = target.parent / f".{target.name}.{secrets.token_hex(6)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(exist_ok=False)
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}", hint=HINT) from None
    finally:
        # Where it could not be made there is nothing to take away.
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def refuse_unwritable(path: Path) -> None:
    """Raise before the work what `published(path)` would raise after it."""
    with suppress(_TriedError), published(path):
        raise _TriedError


class _TriedError(Exception):
    """Ends a trial before it replaces anything."""
