"""Reads recipes written in TOML: those that come with the trainer, by name, and your own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from kernels.errors import UserError, about, one_of
from kernels.factor import read as read_factor
from trainer.recipe import FIELDS

SHIPPED = Path(__file__).parent / "recipes"
# What `trainer fit` goes by where it is told neither another recipe nor another model than these.
DEFAULT = "lite"
# And for each of these what it wants otherwise.
MADE_FOR: dict[str, dict[str, Any]] = {"lite0-strided": {}, "lite0": {"sight": 1}}
KINDS: dict[str, tuple[type[Any], ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "Fraction": (str, int, float),
}
WORDS = {"str": "a text", "int": "a whole number", "float": "a number", "Fraction": "a factor"}
# How long to train may be said in two ways; a Recipe knows steps alone.
EPOCHS = "epochs"
TYPES = {**{field.name: str(field.type) for field in FIELDS}, EPOCHS: "float"}


def names() -> list[str]:
    """The recipes that come with the trainer."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def title(name: str) -> str:
    """The first line of a shipped recipe."""
    first, *_ = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    return first.lstrip("# ")


def read(wish: str) -> dict[str, Any]:
    """What the recipe called `wish`, or the file there, says: field -> value."""
    path = _path(wish)
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"{path}: not a readable recipe ({reason})", hint="TOML, a field a line: batch = 8"
        ) from None
    with about(path):
        fields = {name: _checked(name, value) for name, value in said.items()}
        if EPOCHS in fields and "steps" in fields:
            raise UserError("steps and epochs say the same thing", hint="keep one of them")
    return fields


def _path(wish: str) -> Path:
    path = Path(wish)
    if path.suffix == ".toml" or path.is_file():
        return path
    if wish not in names():
        raise one_of("recipe", wish, names(), hint="a recipe of your own is a file: mine.toml")
    return SHIPPED / f"{wish}.toml"


def _checked(name: str, value: Any) -> Any:
    if name not in TYPES:
        raise one_of("field", name, TYPES)
    kind = TYPES[name]
    # A bool is an int to Python, and a mistake here.
    if isinstance(value, bool) or not isinstance(value, KINDS[kind]):
        raise UserError(f"{name} = {value!r} is not {WORDS[kind]}")
    if kind == "Fraction":
        return read_factor(value)
    return float(value) if kind == "float" else value


def default(given: dict[str, Any]) -> dict[str, Any]:
    """The fields under those `given`: the default recipe is made for some models alone."""
    said = read(DEFAULT)
    model = given.get("model", said["model"])
    return {**said, **MADE_FOR[model]} if model in MADE_FOR else {}


def merged(said: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A recipe file's fields with those given on the command line over them."""
    other = {"steps": EPOCHS, EPOCHS: "steps"}
    # Whoever gives one of them takes back the other.
    kept = {name: value for name, value in said.items() if other.get(name) not in given}
    return {**kept, **given}
