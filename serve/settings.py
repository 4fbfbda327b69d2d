"""What one server is told: the artefacts, the address and the limits; flags win over variables."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kernels import threads as kernel_threads
from kernels.errors import UserError, about, one_of
from kernels.picture import MOST_PIXELS

MOST_BYTES = 64 * 1024 * 1024
TILE = 2048
PREFIX = "SOFTRES_"
DEVICES = ("auto", "cpu", "cuda")
LOGS = ("text", "json")
ORIGIN = re.compile(r"\*|https?://[^/\s?#@]+")
# Seconds: with no time at all nobody could be answered.
MOMENT, DAY = 0.001, 86400.0
# Of numbers; what is not listed may not be below 1.
# Half a tile may overlap the next one, and both begin where every network's grid has a line.
LEAST: dict[str, float] = {"port": 0, "queue": 0, "tile": 64}
LEAST |= dict.fromkeys(("queue_time", "deadline", "body_timeout", "send_timeout"), MOMENT)
# A worker is a thread, and may keep the memory of a picture.
MOST: dict[str, float] = {"port": 65535, "workers": 4096, "batch_delay": 1000 * DAY}
MOST |= dict.fromkeys(("queue_time", "deadline", "body_timeout", "send_timeout", "drain"), DAY)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything `create_app` and the command line need; only `models` has no default."""

    models: tuple[str | Path, ...]  # each a path or NAME=PATH; the first answers /segment
    host: str = "127.0.0.1"
    port: int = 8000
    device: str = "auto"
    threads: int | None = None  # of the network; None: as many as the kernels use
    workers: int | None = (
        None  # pictures in work at once; None: as many as the kernels have threads
    )
    queue: int = 32  # requests that may wait for a worker
    queue_time: float | None = None  # seconds they may wait; None: as Pace says
    deadline: float = 60.0  # seconds a request may wait and work, once its body is there
    body_timeout: float = 30.0  # seconds a body may take to arrive, and so may a head
    send_timeout: float = 60.0  # seconds in which a client need not read a byte of its answer
    drain: float = 30.0  # seconds that accepted requests have when the server is told to stop
    max_batch: int | None = None  # small pictures in one call; None: what pays on the device
    batch_delay: float = 2.0  # milliseconds to wait for others, where others are on their way
    max_pixels: int = MOST_PIXELS
    max_bytes: int = MOST_BYTES
    # Or else JPEGs are reduced by their decoder where it can.
    whole_decode: bool = False
    log: str = "text"  # the form of the log's lines
    api_key_file: Path | None = None  # keys of those who may ask; None: everybody may
    cors_origin: tuple[str, ...] = ()  # other origins whose pages may ask
    tile: int = TILE  # side, in logits, of the largest area the network sees at once

    def __post_init__(self) -> None:
        for field in fields(self):
            check(field.name, getattr(self, field.name))
        named(self.models)

    @property
    def pictures_at_once(self) -> int:
        """`workers`, or what stands for it."""
        return self.workers or kernel_threads.count()


def read(given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from flags (None where one was not given), then variables, then defaults."""
    told = {name: value for name, value in given.items() if value is not None}
    for field in fields(Settings):
        variable = PREFIX + field.name.upper()
        text = (os.environ if environment is None else environment).get(variable, "")
        if field.name not in told and text:
            with about(variable):
                told[field.name] = _parsed(field.name, str(field.type), text)
    if not told.get("models"):
        raise UserError(
            "no model was given",
            hint=f"serve model.onnx, or set {PREFIX}MODELS; several are separated by spaces",
        )
    return Settings(**told)


def named(models: tuple[str | Path, ...]) -> dict[str, Path]:
    """The artefact of each name: NAME=PATH gives one, a bare path is called by its file's stem."""
    found: dict[str, Path] = {}
    for model in models:
        name, path = _name(model)
        if name in found:
            raise UserError(
                f"two models are called '{name}': {found[name]} and {path}",
                hint="give names of their own: serve one=a/model.onnx two=b/model.onnx",
            )
        found[name] = path
    if not found:
        raise UserError("no model was given", hint="serve model.onnx")
    return found


def _name(model: str | Path) -> tuple[str, Path]:
    # A path that is there may hold a '=' of its own.
    if isinstance(model, Path) or "=" not in model or Path(model).exists():
        name, path = Path(model).stem, Path(model)
    else:
        name, _, text = model.partition("=")
        path = Path(text)
    if not name or "/" in name:
        raise UserError(f"'{model}' names no model", hint="write NAME=PATH, such as street=a.onnx")
    return name, path


def check(name: str, value: object) -> None:
    """Raise where a field cannot have this value."""
    if name == "device" and value not in DEVICES:
        raise one_of("device", value, DEVICES)
    if name == "log" and value not in LOGS:
        raise one_of("form of the log", value, LOGS, hint="--log or SOFTRES_LOG sets it")
    if name == "cors_origin":
        _check_origins(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    least = LEAST.get(name, 1 if isinstance(value, int) else 0)
    # Written so that what is not a number fits nowhere.
    if not least <= value <= MOST.get(name, float("inf")):
        most = f" and at most {MOST[name]}" if name in MOST else ""
        raise UserError(
            f"{name} {value} must be at least {least}{most}",
            hint=f"--{name.replace('_', '-')} or {PREFIX}{name.upper()} sets it",
        )


def _check_origins(value: object) -> None:
    for origin in value if isinstance(value, tuple) else ():
        if not ORIGIN.fullmatch(origin):
            raise UserError(
                f"'{origin}' is not the origin of a page",
                hint="write what stands before its path: https://page.example",
            )


READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": ({"1": True, "0": False, "true": True, "false": False}.__getitem__, "1 or 0"),
    "str": (str, "a text"),
    "Path": (Path, "a path"),
    "tuple": (lambda text: tuple(shlex.split(text)), "words separated by spaces"),
}


def _parsed(name: str, kind: str, text: str) -> Any:
    """The value of a field from a variable's text."""
    reader, meaning = READERS[kind.partition("[")[0].partition(" ")[0]]
    try:
        value = reader(text)
    except (ValueError, KeyError):
        raise UserError(f"'{text}' is not {meaning}", hint=f"it sets {name}") from None
    check(name, value)
    return value
