"""What is measured: our server and its rivals, the loads, and where all of it runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kernels.errors import UserError
from serve.bench import pictures
from serve.bench.wire import post

OURS = "softres"
PATH = "/segment"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server to be started; `{port}` in its command is where it has to listen."""

    name: str
    command: tuple[str, ...]
    least: float | None = None  # as many times as fast as this one ours shall be
    is_ours: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that the user asks for."""

    contenders: tuple[Contender, ...]  # ours is the first
    pictures: tuple[bytes, ...]
    clients: tuple[int, ...] = (1, 2, 4, 8)
    rates: tuple[float, ...] = ()  # a second; none: what follows from the closed loads
    seconds: float = 20.0  # of each load on each server, in all rounds
    rounds: int = 4
    cores: tuple[int, ...] = ()

    @property
    def requests(self) -> list[bytes]:
        """The pictures as they go over the line."""
        return [post(PATH, picture, "image/jpeg") for picture in self.pictures]


def ours(model: Path, words: str = "") -> Contender:
    """Our server with an artefact, and options as one writes them in a shell."""
    if not model.is_file():
        raise UserError(f"{model}: no such artefact", hint="trainer export onnx writes one")
    command = (sys.executable, "-m", "serve", str(model), "--port", "{port}", *shlex.split(words))
    return Contender(name=OURS, command=command, is_ours=True)


def variants(told: Sequence[str]) -> list[Contender]:
    """NAME=ARTEFACT OPTIONS each: our server otherwise, of the same checkpoint."""
    form = "NAME=ARTEFACT OPTIONS"
    found = []
    for text in told:
        name, words = _pair(text, "--variant", form)
        try:
            model, *options = shlex.split(words)
        except ValueError as error:
            raise UserError(f"--variant '{text}' is not {form} ({error})") from None
        found.append(replace(ours(Path(model), shlex.join(options)), name=name))
    return found


def rivals(told: Sequence[str], least: Sequence[str]) -> list[Contender]:
    """NAME=COMMAND each, and NAME=TIMES for those that have to be beaten."""
    commands = dict(_pair(text, "--rival", "NAME=COMMAND") for text in told)
    factors = dict(_pair(text, "--at-least", "NAME=TIMES") for text in least)
    if len(commands) < len(told):
        raise _twice()
    for name, command in commands.items():
        if "{port}" not in command:
            raise UserError(
                f"--rival {name}: its command does not say {{port}}",
                hint="write --rival 'other=python other.py --port {port}'",
            )
    if set(factors) - set(commands):
        raise UserError("--at-least names a server that is no --rival")
    return [
        Contender(name=name, command=tuple(shlex.split(command)), least=_times(factors.get(name)))
        for name, command in commands.items()
    ]


def together(*contenders: Contender) -> tuple[Contender, ...]:
    """All of them, ours first; no two of one name."""
    if len({each.name for each in contenders}) < len(contenders):
        raise _twice()
    return contenders


def pinned(text: str) -> tuple[int, ...]:
    """Keep this process and its children on these cores: 0,1; all there are where none is told."""
    if not text:
        return tuple(sorted(os.sched_getaffinity(0)))
    try:
        cores = tuple(sorted({int(word) for word in text.split(",")}))
        os.sched_setaffinity(0, cores)
    except (ValueError, OSError):
        there = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise UserError(f"--cores {text} are not there", hint=f"there are {there}") from None
    return cores


def size(text: str) -> pictures.Size:
    """1024x2048 as height and width."""
    words = text.split("x")
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):
        raise UserError(f"--size {text} is no HEIGHTxWIDTH", hint="write --size 1024x2048")
    return int(words[0]), int(words[1])


def numbers(text: str, option: str, *, least: float) -> tuple[float, ...]:
    """1,2,4 as numbers; nothing is none."""
    try:
        found = tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError:
        found = (-1.0,)
    if any(not least <= number < float("inf") for number in found):
        raise UserError(f"{option} {text} are not numbers from {least:g}", hint=f"{option} 1,2,4")
    return found


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.isidentifier() or not value:
        raise UserError(f"{option} '{text}' is not {form}")
    return name, value


def _twice() -> UserError:
    return UserError("two servers have one name", hint="give each a name of its own")


def _times(text: str | None) -> float | None:
    return None if text is None else numbers(text, "--at-least", least=0)[0]
