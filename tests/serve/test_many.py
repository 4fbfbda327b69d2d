"""Several pictures in one form, answered in one body."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from serve import schedule
from serve.many import bundle, entries, total


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["street.jpg"], ["street.png"]),
        (["a/b/street.jpg", "c:\\d\\street.png"], ["street.png", "street-2.png"]),
        (["../../etc/passwd", "/abs", ".."], ["passwd.png", "abs.png", "picture.png"]),
        (["", ".hidden", "a\0b\n.jpg"], ["picture.png", "hidden.png", "a_b.png"]),
        (["x" * 500], ["x" * 100 + ".png"]),
        (["長" * 500], ["長" * 33 + ".png"]),
        (["Straße.jpg", "STRASSE.jpg"], ["Straße.png", "STRASSE-2.png"]),
        (["a.png", "a-2.png", "a.jpg"], ["a.png", "a-2.png", "a-3.png"]),
    ],
)  # fmt: skip
def test_every_answer_has_a_file_name_that_leads_nowhere(
    names: list[str], files: list[str]
) -> None:
    assert entries(names, ".png") == files


def test_names_in_a_zip_are_said_to_be_utf_8() -> None:
    body, _ = bundle(["Straße", "長/路"], [b"1", b"2"], "image/png")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["Straße.png", "路.png"]
        # Bit 11 of the flags; without it the bytes are of a code page that nobody tells.
        assert all(each.flag_bits & 0x800 for each in archive.infolist())


def test_json_answers_become_an_array() -> None:
    body, kind = bundle(["a", "b"], [b'{"n":1}', b'{"n":2}'], "application/geo+json")
    assert kind == "application/json"
    assert json.loads(body) == [{"n": 1}, {"n": 2}]


def test_the_times_of_all_pictures_are_added_up() -> None:
    assert total([{"a": 1.0, "b": 2.0}, {"b": 0.5}]) == {"a": 1.0, "b": 2.5}


def test_a_form_with_two_files_is_answered_by_a_zip_of_two(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    pictures = [toy.written(toy.photo(*size)) for size in ((20, 30), (31, 17))]
    sent = [
        ("picture", (name, data)) for name, data in zip(["a.jpg", "b.jpg"], pictures, strict=True)
    ]
    answer = client.post("/segment", files=sent)
    assert answer.headers["content-type"] == "application/zip"
    assert "decode;dur=" in answer.headers["server-timing"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a.png", "b.png"]
        for name, data in zip(archive.namelist(), pictures, strict=True):
            assert archive.read(name) == client.post("/segment", content=data).content


def test_two_pictures_are_counted_in_their_order(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    sizes = ((20, 30), (31, 17))
    sent = [("p", (f"{size}", toy.written(toy.photo(*size)))) for size in sizes]
    told = client.post("/segment?format=json", files=sent).json()
    assert [(each["height"], each["width"]) for each in told] == list(sizes)


def test_a_form_whose_answers_are_too_large_to_be_held_is_refused(
    client: httpx.Client, toy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = toy.written(toy.photo(40, 60))
    one = len(client.post("/segment", content=data).content)
    monkeypatch.setattr(schedule, "MOST_BYTES", 2 * one)
    for pictures, status in ((1, 200), (2, 200), (3, 413)):
        answer = client.post("/segment", files=[("p", (f"{n}", data)) for n in range(pictures)])
        assert answer.status_code == status
    assert "fewer pictures" in answer.json()["hint"]
    monkeypatch.setattr(schedule, "MOST_BYTES", one - 1)
    assert client.post("/segment", content=data).status_code == 200


def test_pictures_of_a_form_are_not_held_together(
    client: httpx.Client, toy: SimpleNamespace
) -> None:
    data = toy.written(np.zeros((500, 500, 3), np.uint8))
    peaks = []
    for pictures in (1, 8):
        tracemalloc.start()
        client.post("/segment", files=[("p", (f"{n}", data)) for n in range(pictures)])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Seven more of them would be 21 bytes a pixel.
    assert peaks[1] < peaks[0] + 2 * 500 * 500


def test_one_bad_picture_of_several_is_named(client: httpx.Client, toy: SimpleNamespace) -> None:
    sent = [("p", ("good.png", toy.written(toy.photo(9, 9)))), ("p", ("bad.png", b"no"))]
    answer = client.post("/segment", files=sent)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("bad.png: ")
