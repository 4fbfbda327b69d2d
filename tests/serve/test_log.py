"""The log: one line an event, in both forms, whatever a client sends."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from serve import log, record
from serve.record import Record


def line(form: logging.Formatter, facts: dict[str, Any], *, failed: bool = False) -> str:
    level = logging.ERROR if failed else logging.INFO
    event = logging.LogRecord("serve", level, __file__, 1, "request", None, None)
    event.facts = facts
    if failed:
        try:
            raise ValueError("wrong\n23:59:59 200 GET /forged")
        except ValueError:
            event.exc_info = sys.exc_info()
    return form.format(event)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Any]]:
    caplog.set_level(logging.INFO, "serve")
    return lambda: caplog.records


def asked(path: str, **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "headers": [], **more}


TOLD = {
    "request_id": "abc",
    "method": "POST",
    "path": "/segment",
    "route": "/segment",
    "status": 200,
    "ms": 12.3456,
    "bytes_in": 10,
    "bytes_out": 20,
    "model": "street",
    "pixels": 1_200_000,
    "stages": {"decode": 1.2, "paint": 3.4},
}


def test_a_line_of_json_holds_every_fact() -> None:
    plain = json.loads(line(log.AsJson(), TOLD))
    assert TOLD.items() <= plain.items()
    assert plain["event"] == "request"
    assert plain["level"] == "info"
    assert plain["time"].endswith("+00:00")


def test_a_line_for_people_is_short() -> None:
    text = line(log.AsText(), TOLD)
    assert text[8:].startswith(" 200 POST /segment 12 ms, street 1.20 MP (decode 1, paint 3)")
    assert text.endswith("10 B in, 20 B out, id abc")


@pytest.mark.parametrize("form", [log.AsJson(), log.AsText()])
@pytest.mark.parametrize("letters", ["\n", "\r\n", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e"])
def test_no_path_begins_a_line_or_moves_the_cursor(form: logging.Formatter, letters: str) -> None:
    text = line(form, {**TOLD, "path": f"/a{letters}12:00:00 200 GET /forged"})
    assert len(text.splitlines()) == 1
    assert text.isprintable() or isinstance(form, log.AsJson)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_lines_of_a_traceback_are_marked_as_such() -> None:
    first, *rest = line(log.AsText(), {"request_id": "abc"}, failed=True).splitlines()
    assert first == "error: request request_id=abc"
    assert rest
    assert all(each.startswith("  | ") for each in rest)
    assert "  | 23:59:59 200 GET /forged" in rest


def test_a_traceback_in_json_is_one_line() -> None:
    text = line(log.AsJson(), {"request_id": "abc"}, failed=True)
    assert len(text.splitlines()) == 1
    assert "ValueError: wrong" in json.loads(text)["traceback"]


def test_a_request_without_a_model_says_nothing_of_one(lines: Callable[[], list[Any]]) -> None:
    log.access(asked("/contract"), Record(id="a", status=200), 1.0)
    (only,) = lines()
    assert "model" not in only.facts
    assert only.facts["route"] == "other"


def test_a_long_path_is_cut(lines: Callable[[], list[Any]]) -> None:
    log.access(asked("/" + "x" * 10_000), Record(id="a", status=404), 1.0)
    assert len(lines()[0].facts["path"]) == log.LONGEST_PATH


@pytest.mark.parametrize(("status", "said"), [(200, 0), (503, 1)])
def test_a_probe_is_only_worth_a_line_when_it_fails(
    lines: Callable[[], list[Any]], status: int, said: int
) -> None:
    log.access(asked("/readyz"), Record(id="a", status=status), 1.0)
    assert len(lines()) == said


@pytest.mark.parametrize("given", ["abc", "0f:1-2_3.4", "x" * 128])
def test_a_sane_request_id_is_kept(given: str) -> None:
    scope = asked("/", headers=[(b"x-request-id", given.encode())])
    assert record.begin(scope).id == given


@pytest.mark.parametrize(
    "given", [b"", b"a b", b"a\nb", b"\x1b[2J", b"x" * 129, "é".encode(), b"<script>", b"a\x00"]
)
def test_any_other_request_id_is_replaced(given: bytes) -> None:
    told = record.begin(asked("/", headers=[(b"x-request-id", given)]))
    assert len(told.id) == 32
    assert told.id.encode() != given


def test_what_libraries_say_of_a_clients_bytes_is_a_line_of_ours_or_none() -> None:
    code = """
import logging, warnings
from serve import log
log.configure("json")
logging.getLogger("python_multipart.multipart").warning("Expected boundary character 45")
logging.getLogger("PIL.TiffImagePlugin").error("More samples per pixel than can be decoded: 2048")
warnings.warn("Truncated\\nFile Read")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (said,) = map(json.loads, done.stderr.splitlines())
    assert "Truncated" in said["event"]
    assert said["level"] == "warning"
