"""Split lists: what a line means, and which line is wrong."""

import pytest

from kernels.errors import UserError
from trainer import lists


@pytest.fixture
def place(tmp_path):
    for name in ("images/a.jpg", "images/b c.jpg", "masks/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def line(place, text):
    (place / "list.txt").write_text(text)
    return next(lists.read(place / "list.txt"))


@pytest.mark.parametrize(
    "word",
    ["images/a.jpg", "/data/old/images/a.jpg", "../set/images/a.jpg", "C:\\set\\images\\a.jpg"],
)
def test_a_path_of_another_machine_is_found_by_its_end(place, word):
    assert line(place, word).file(word, place) == place / "images" / "a.jpg"


def test_an_absolute_path_that_is_there_is_taken(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "a.jpg"
    other.touch()
    assert line(place, str(other)).file(str(other), place / "images") == other


def test_a_name_is_found_with_one_of_the_suffixes(place):
    assert line(place, "a").file("a", place / "masks", ("", ".jpg", ".png")).name == "a.png"


def test_lines_are_numbered_as_an_editor_does(place):
    (place / "list.txt").write_text("a\n\n  \nb\n")
    assert [(one.number, one.words) for one in lists.read(place / "list.txt")] == [
        *((1, ("a",)), (4, ("b",))),
    ]


@pytest.mark.parametrize("text", ["images/b c.jpg\tmasks/a.png", "images/b c.jpg, masks/a.png"])
def test_names_may_hold_blanks_where_a_tab_or_comma_divides(place, text):
    assert line(place, text).words == ("images/b c.jpg", "masks/a.png")


def test_what_is_nowhere_is_told_with_its_line(place):
    with pytest.raises(UserError, match=r"list\.txt, line 1: no file x/z\.jpg") as caught:
        line(place, "x/z.jpg").file("x/z.jpg", place)
    assert str(place) in caught.value.hint


def test_a_list_that_is_no_text_is_named(place):
    (place / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"list\.txt: not a readable list"):
        list(lists.read(place / "list.txt"))
