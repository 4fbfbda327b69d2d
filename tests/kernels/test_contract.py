"""A contract is read strictly and written always the same."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from kernels.contract import Contract
from kernels.errors import UserError

GOOD = Contract(
    classes=("road", "trottoir pavé"),
    palette=((128, 64, 128), (0, 0, 0)),
    factor=Fraction(2, 5),
    writer="softres 0.1.0",
)


def test_the_round_trip_is_byte_equal():
    text = GOOD.to_json()
    assert Contract.from_json(text) == GOOD
    assert Contract.from_json(text).to_json() == text


def test_the_text_form_is_pinned():
    assert GOOD.to_json() == (
        '{"classes":["road","trottoir pavé"],"factor":"2/5","ignore":255,'
        '"palette":[[128,64,128],[0,0,0]],"version":1,"writer":"softres 0.1.0"}'
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"classes": ()}, "0 classes"),
        ({"classes": ("road", "")}, "no name"),
        ({"classes": ("road", "road")}, "road is there twice"),
        ({"palette": ((1, 2, 3),)}, "1 colours for 2 classes"),
        ({"palette": ((1, 2, 3), (1, 2, 256))}, "0 to 255"),
        ({"palette": ((1, 2, 3), (1, 2))}, "three numbers"),
        ({"palette": ((1, 2, 3), (True, 2, 3))}, "0 to 255"),
        ({"factor": Fraction(4)}, "larger than 1"),
        ({"factor": 0.25}, "not an exact fraction"),
        ({"sight": 0}, "sight 0 does not go with 2/5"),
        ({"sight": 3}, "sight 3 does not go with 2/5"),
        ({"sight": 1.0}, "sight 1.0 does not"),
        ({"sight": True}, "sight True does not"),
        ({"ignore": 1}, "not a void id"),
        ({"ignore": 65536}, "not a void id"),
    ],
)
def test_an_invalid_value_never_becomes_a_contract(changes, says):
    with pytest.raises(UserError, match=says):
        replace(GOOD, **changes)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda plain: plain | {"version": 2}, "written by softres 9.9 in a version"),
        (lambda plain: plain | {"mean": [1, 2, 3]}, "unknown field mean, written by softres 9.9"),
        (lambda plain: {k: v for k, v in plain.items() if k != "factor"}, "missing field factor"),
        (lambda plain: plain | {"classes": "road"}, "classes is not a list"),
        (lambda plain: plain | {"factor": 0.25}, "factor is not a text"),
        (lambda plain: plain | {"palette": [1, 2]}, "three numbers"),
        (lambda plain: [plain], "not a JSON object"),
    ],
)
def test_reading_is_strict_and_names_the_writer(edit, says):
    plain = json.loads(GOOD.to_json()) | {"writer": "softres 9.9"}
    with pytest.raises(UserError, match=says):
        Contract.from_json(json.dumps(edit(plain)))


def test_who_says_nothing_of_sight_saw_no_more_than_it_answers():
    assert "sight" not in GOOD.to_json()
    sharp = replace(GOOD, sight=2)
    assert '"sight":2' in sharp.to_json()
    assert Contract.from_json(sharp.to_json()) == sharp
    assert Contract.from_json(GOOD.to_json()).sight == 1


def test_the_network_sees_whole_cells_cut_by_its_sight():
    # Of 61 pixels 2/5 are 24 cells, and 4/5 would be 49.
    assert GOOD.seen_size((61, 83)) == (24, 33)
    assert replace(GOOD, sight=2).seen_size((61, 83)) == (48, 66)


def test_what_is_not_json_is_refused():
    with pytest.raises(UserError, match="not JSON"):
        Contract.from_json("{")
