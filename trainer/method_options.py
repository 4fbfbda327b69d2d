"""The options of a method, as they are written behind its name: a=1,b=2."""

from __future__ import annotations

import math
from dataclasses import Field, field, fields
from typing import Any

from kernels.errors import UserError, one_of

LIMITS = "limits"


def within(default: float, least: float, most: float = math.inf) -> Any:
    """A field of that default which takes numbers from `least` to `most`, both included."""
    return field(default=default, metadata={LIMITS: (least, most)})


def read(kind: Any, said: str) -> Any:
    """'a=1,b=2' as the dataclass `kind`; every number lies within the limits of its field."""
    known = {each.name: each for each in fields(kind)}
    given: dict[str, float] = {}
    for entry in filter(None, said.split(",")):
        name, _, value = (word.strip() for word in entry.partition("="))
        if name not in known:
            raise one_of("option of the method", name, known)
        given[name] = _number(known[name], value)
    return kind(**given)


def _number(option: Field[Any], text: str) -> float:
    kind = int if isinstance(option.default, int) else float
    try:
        number: float = kind(text)
    except ValueError:
        raise UserError(
            f"--method: {option.name} is '{text}', not {'a whole' if kind is int else 'a'} number",
            hint=f"write {option.name}={option.default}",
        ) from None
    least, most = option.metadata[LIMITS]
    if not least <= number <= most:
        wanted = f"{least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
        raise UserError(f"--method: {option.name} is {text}, and not {wanted}")
    return number
