"""The one error a user is meant to read: what was wrong, and what to do about it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# Packages that not every role installs, and the extra that brings them.
EXTRAS = {
    "torch": "train",
    "onnxscript": "train",
    "matplotlib": "train",
    "transformers": "hf",
    "safetensors": "hf",
    "onnx": "cpu",
    "onnxruntime": "cpu",
}


class UserError(Exception):
    """Something the user gave cannot be used; `hint` says what to do."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class RefusedError(UserError):
    """The program itself found that its result must not be used."""

    exit_code = 1


def one_of(what: str, given: object, choices: Iterable[str], *, hint: str = "") -> UserError:
    """The error for a name that is none of `choices`, offering the nearest one."""
    known = sorted(choices)
    nearest = difflib.get_close_matches(str(given), known, n=1)
    guess = f"did you mean '{nearest[0]}'? " if nearest else ""
    return UserError(
        f"unknown {what} '{given}'; choose from {', '.join(known)}", hint=f"{guess}{hint}".strip()
    )


@contextmanager
def about(what: object) -> Iterator[None]:
    """Begin the messages of UserErrors with `what` they are about."""
    try:
        yield
    except UserError as error:
        error.message = f"{what}: {error.message}"
        raise


@contextmanager
def reported() -> Iterator[None]:
    """Turn a UserError into two lines on stderr and its exit code, for the command lines."""
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        told = UserError(
            f"this needs the package {error.name}, which is not installed",
            hint=f"install softres with its extra '{EXTRAS[error.name]}'",
        )
        print(f"error: {told}", file=sys.stderr)
        raise SystemExit(told.exit_code) from None
