"""Query parameters as dataclasses: their texts become typed fields that /docs knows about."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from kernels.errors import UserError, one_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Parameters = TypeVar("Parameters", bound=DataclassInstance)

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
OPENAPI_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}


def parameter(
    default: Any,
    *,
    about: str,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    example: Any = None,
) -> Any:
    """A field that a query parameter of its name may set; `about` is for people."""
    told = {"about": about, "least": least, "most": most, "choices": choices, "example": example}
    return field(default=default, metadata=told)


def read(kind: type[Parameters], query: Mapping[str, str]) -> Parameters:
    """A `kind` of the parameters in `query`; those it does not know are not its business."""
    return kind(**{each.name: _value(each, wanted, query) for each, wanted in _typed(kind)})


def names(kind: type[DataclassInstance]) -> list[str]:
    """The parameters of `kind`."""
    return [each.name for each in fields(kind)]


def describe(kind: type[DataclassInstance], note: str = "") -> list[dict[str, Any]]:
    """The same for OpenAPI; `note` is said of every one of them."""
    return [_described(each, wanted, note) for each, wanted in _typed(kind)]


def _typed(kind: type[DataclassInstance]) -> Iterator[tuple[Field[Any], type]]:
    hints = _hints(kind)
    return ((each, hints[each.name]) for each in fields(kind))


@cache
def _hints(kind: type[DataclassInstance]) -> dict[str, Any]:
    """Read once: it takes as long as refusing a request does."""
    return get_type_hints(kind)


def _value(each: Field[Any], wanted: type, query: Mapping[str, str]) -> Any:
    if each.name not in query:
        return each.default
    text = query[each.name].strip()
    if each.metadata["choices"] and text not in each.metadata["choices"]:
        raise one_of(each.name, text, each.metadata["choices"])
    return text if wanted is str else READERS[wanted](each, text)


def _flag(each: Field[Any], text: str) -> bool:
    if text.lower() not in YES + NO:
        raise UserError(f"{each.name}='{text}' is neither yes nor no", hint="give 1 or 0")
    return text.lower() in YES


def _number(convert: Callable[[str], float], kind: str) -> Callable[[Field[Any], str], float]:
    def read_number(each: Field[Any], text: str) -> float:
        least, most = each.metadata["least"], each.metadata["most"]
        try:
            number = convert(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise UserError(
                f"{each.name}='{text}' is not {kind} from {least} to {most}",
                hint=f"leave it out for {each.default}",
            )
        return number

    return read_number


READERS: dict[type, Callable[[Field[Any], str], Any]] = {
    bool: _flag,
    int: _number(int, "a whole number"),
    float: _number(float, "a number"),
}


def _described(each: Field[Any], wanted: type, note: str) -> dict[str, Any]:
    told = each.metadata
    schema: dict[str, Any] = {"type": OPENAPI_TYPES[wanted]}
    for name, value in (
        ("minimum", told["least"]),
        ("maximum", told["most"]),
        ("enum", list(told["choices"]) or None),
        ("default", None if each.default is MISSING else each.default),
    ):
        if value not in (None, ""):
            schema[name] = value
    said = {"name": each.name, "in": "query", "schema": schema}
    if told["example"] is not None:
        said["example"] = told["example"]
    return {**said, "description": f"{note}{told['about']}"}
