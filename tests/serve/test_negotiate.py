"""What a request asks for, read from its parameters and its `Accept` header."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from kernels.contract import Contract
from kernels.errors import UserError
from serve import negotiate
from serve.negotiate import Ask, UnacceptableError
from serve.window import Window

CONTRACT = Contract(
    classes=("road", "traffic light, green", "7", "car"),
    palette=((0, 0, 0),) * 4,
    factor=Fraction(1, 2),
    writer="softres test",
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/png,*/*;q=0.8"


def asked(query: str = "", accept: str | None = None, **more: Any) -> Ask:
    return negotiate.read(QueryParams(query), accept, **more)


@pytest.mark.parametrize(
    ("accept", "media_type", "name"),
    [
        (None, "image/png", "png"),
        ("", "image/png", "png"),
        ("*/*", "image/png", "png"),
        ("image/*", "image/png", "png"),
        ("image/png", "image/png", "png"),
        ("application/json", "application/json", "json"),
        ("application/geo+json", "application/geo+json", "geojson"),
        ("application/x-npz", "application/x-npz", "npz"),
        ("image/webp", "image/webp", "overlay"),
        ("IMAGE/JPEG", "image/jpeg", "overlay"),
        ("application/json;q=0.5, image/webp;q=0.7", "image/webp", "overlay"),
        ("application/json, text/plain, */*", "application/json", "json"),
        ("image/*;q=0.2, application/*;q=0.1", "image/png", "png"),
        ("image/*, image/png;q=0.1", "image/jpeg", "overlay"),
        ("image/png;q=0, image/*;q=0.1, */*;q=0", "image/jpeg", "overlay"),
        (BROWSER, "image/png", "png"),
        ("application/json; charset=utf-8; q=1", "application/json", "json"),
        ("nonsense, application/json;q=lots, image/png", "image/png", "png"),
    ],
)  # fmt: skip
def test_the_accept_header_chooses_the_format(accept: str, media_type: str, name: str) -> None:
    ask = asked(accept=accept)
    assert (ask.format, ask.media_type) == (name, media_type)


@pytest.mark.parametrize("accept", ["text/html", "image/png;q=0", "video/*, text/*;q=0.9"])
def test_what_no_format_answers_is_not_acceptable(accept: str) -> None:
    with pytest.raises(UnacceptableError, match="no answer is of such a type") as raised:
        asked(accept=accept)
    assert "application/geo+json" in raised.value.hint


def test_the_format_parameter_wins_over_the_header() -> None:
    assert asked("format=rle", "text/html").format == "rle"


def test_a_parameter_wins_over_what_the_header_implies() -> None:
    assert asked("picture=png", "image/webp").media_type == "image/png"


@pytest.mark.parametrize(
    ("query", "says", "hint"),
    [
        ("format=rel", "unknown answer format 'rel'", "'rle'"),
        ("format=", "unknown answer format ''", ""),
        ("fromat=png", "unknown parameter 'fromat'", "'format'"),
        ("tolerance=1", "unknown parameter 'tolerance'", "format png"),
        ("format=geojson&tolerance=-1", "tolerance='-1' is not a number from 0 to 100", "0.0"),
        ("format=geojson&tolerance=nan", "tolerance='nan'", ""),
        ("format=geojson&least=1.5", "least='1.5' is not a whole number", ""),
        ("format=rle&counts=lists", "unknown counts 'lists'", "'list'"),
        ("confidence=perhaps&format=npz", "neither yes nor no", "1 or 0"),
        ("confidence=1", "format png has no place", "confidence, json, npz"),
        ("classes=", "names no class", "leave it out"),
        ("window=1,2,3", "not four whole numbers", "x,y,width,height"),
        ("window=1,2,3,-4", "not four whole numbers", ""),
        ("window=1,2,3,²", "not four whole numbers", ""),
        ("window=1,2,0,4", "is empty", ""),
        ("window=1,2,3," + "9" * 5000, "not four whole numbers", ""),
    ],
)
def test_a_wrong_parameter_is_an_error_that_helps(query: str, says: str, hint: str) -> None:
    with pytest.raises(UserError) as raised:
        asked(query)
    assert says in raised.value.message
    assert hint in raised.value.hint


def test_parameters_become_typed_options() -> None:
    ask = asked("format=overlay&alpha=0.25&picture=jpeg&quality=90")
    assert (ask.options.alpha, ask.options.picture, ask.options.quality) == (0.25, "jpeg", 90)
    assert ask.wants_picture


def test_a_parameter_of_somebody_else_is_left_alone() -> None:
    assert asked("model=big&format=rle", others=("model",)).format == "rle"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", False),
        ("format=confidence", True),
        ("format=npz", False),
        ("format=npz&confidence=1", True),
    ],
)
def test_the_confidence_is_made_where_it_is_answered(query: str, wanted: bool) -> None:
    assert asked(query).confidence is wanted


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", None),
        ("classes=car", (3,)),
        ("classes=car,road,0", (0, 3)),
        ("classes=3&classes=road", (0, 3)),
        ("classes=traffic light, green", (1,)),
        # A name wins over a number.
        ("classes=7", (2,)),
    ],
)
def test_classes_are_meant_by_name_or_number(query: str, kept: tuple[int, ...] | None) -> None:
    assert asked(query).kept(CONTRACT) == kept


@pytest.mark.parametrize(
    ("query", "says", "hint"),
    [
        ("classes=cra", "unknown class 'cra'", "'car'"),
        ("classes=4", "there is no class 4", "0 to 3"),
        ("classes=-1", "unknown class '-1'", ""),
        ("classes=" + "9" * 6000, "unknown class", ""),
        ("classes=" + "0," * 5000, "5001 classes", ""),
    ],
)
def test_an_unknown_class_is_an_error_that_helps(query: str, says: str, hint: str) -> None:
    with pytest.raises(UserError) as raised:
        asked(query).kept(CONTRACT)
    assert says in raised.value.message
    assert hint in raised.value.hint


def test_a_window_is_a_part_of_the_picture_and_never_leaves_it() -> None:
    window = asked("window=20, 10,30,5").window
    assert window == Window(x=20, y=10, width=30, height=5)
    assert window.within((15, 50)) == (10, 20, 5, 30)
    for size in ((14, 50), (15, 49)):
        with pytest.raises(UserError, match="leaves the picture"):
            window.within(size)
