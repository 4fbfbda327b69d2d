"""What a comparison leaves says all of it, to people and to scripts."""

import json
import re

import pytest
from PIL import Image

from trainer.comparison import outcome
from trainer.comparison.cell import Failure


@pytest.fixture
def written(plan, result):
    asked = plan("1 area", "1/4 area", seeds=3, data="folder:<script>alert(1)</script>")
    results = [result("1/4 area", seed, miou=0.4 + 0.01 * seed) for seed in range(3)]
    failure = Failure(cell=asked.cells[0], message="a | b <img src=x onerror=alert(1)>")
    command = ("trainer", "compare", "--data", "a b")
    text, told = outcome.write(asked, [*results, result("1 area")], [failure], command)
    return asked.folder, text, told


def test_the_table_has_mean_and_spread_and_the_failed(written):
    folder, text, _ = written
    assert text == (folder / "table.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line}
    assert "50.0 |" in rows["mIoU, %"]
    assert "41.0 ± 1.0 |" in rows["mIoU, %"]
    assert rows["sky"].count(" - |") == 2
    assert "a \\| b" in rows["factor 1, labels area, seed 0"]
    assert "1/4 area against 1 area: 1 x memory" in text


def test_json_holds_every_number_under_a_name_with_its_unit(written):
    folder, _, told = written
    assert json.loads((folder / "compare.json").read_text()) == told
    whole, quarter = told["kinds"]
    assert whole["memory_MB"] == {"mean": 100, "deviation": None, "values": [100]}
    assert quarter["miou_percent"]["deviation"] == 1
    assert whole["picture_ms"]["mean"] == 250
    assert told["failed"][0]["cell"] == "factor 1, labels area, seed 0"


def test_the_pictures_can_be_opened(written):
    folder, _, _ = written
    for name in ("quality.png", "classes.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 600


def test_the_page_stands_alone_and_runs_nothing_of_what_users_wrote(written):
    folder, _, _ = written
    text = (folder / "report.html").read_text()
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;" in text
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert text.count("data:image/png;base64,") == 2
    assert "trainer compare --data &#x27;a b&#x27;" in text


def test_with_nothing_through_there_is_still_a_page_and_a_table(plan):
    asked = plan()
    failures = [Failure(cell=cell, message="no luck") for cell in asked.cells]
    text, told = outcome.write(asked, [], failures, ("trainer", "compare"))
    assert text.count("no luck") == 2
    assert told["kinds"] == []
    assert "no luck" in (asked.folder / "report.html").read_text()
    assert not (asked.folder / "quality.png").exists()


def test_costs_that_were_measured_differently_are_not_to_be_compared(plan, result):
    results = [result("1 area"), result("1/4 area", threads=8)]
    told = outcome.facts(plan(), results)
    assert any("do not compare their memory and time" in line for line in told)
    assert not any("do not compare" in line for line in outcome.facts(plan(), results[:1]))
