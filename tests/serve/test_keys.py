"""API keys: what a key file may hold, and who is let in."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from kernels.errors import UserError
from serve.keys import Keys, is_open

ONE, TWO = "first-key-0123456789", "second-key-0123456789"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# ours\n{ONE}  # of the gate\n\n{TWO}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {ONE}"},
        {"Authorization": f"bearer  {TWO}"},
        {"X-API-Key": ONE},
        {"X-API-Key": TWO},
    ],
)
def test_every_key_of_the_file_is_let_in_either_way(path: Path, headers: dict[str, str]) -> None:
    assert Keys(path).admit(Headers(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": ONE[:-1]},
        {"X-API-Key": ONE + "x"},
        {"X-API-Key": "# ours"},
        {"Authorization": f"Basic {ONE}"},
        {"Authorization": ONE},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer é"},
        # A wrong bearer token is not made good by a second header.
        {"Authorization": "Bearer wrong", "X-API-Key": ONE},
    ],
)
def test_nothing_else_is(path: Path, headers: dict[str, str]) -> None:
    assert not Keys(path).admit(Headers(headers))


def test_a_reload_takes_the_new_keys_and_forgets_the_old(path: Path) -> None:
    keys = Keys(path)
    path.write_text(f"{TWO}\n")
    keys.reload()
    assert keys.admit(Headers({"X-API-Key": TWO}))
    assert not keys.admit(Headers({"X-API-Key": ONE}))


def test_a_reload_of_a_broken_file_keeps_the_old_keys(path: Path) -> None:
    keys = Keys(path)
    path.write_text("\n")
    with pytest.raises(UserError, match="no API key"):
        keys.reload()
    assert keys.admit(Headers({"X-API-Key": ONE}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no API key"),
        ("# nothing\n", "has no API key"),
        ("short\n", "line 1: a key of 5 characters"),
        (f"{ONE}\ntwo words of a sentence\n", "line 2: a key is one word"),
        (f"{ONE}#of-the-gate\n", "line 1: a key is one word of ASCII characters without #"),
        (f"{ONE}#\n", "line 1: a key is one word"),
        ("schlüssel-0123456789\n", "line 1: a key is one word"),
    ],
)
def test_a_file_that_is_no_list_of_keys_is_said_plainly(path: Path, text: str, told: str) -> None:
    path.write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        Keys(path)
    assert "openssl rand" in caught.value.hint


def test_a_missing_or_unreadable_file_is_said_plainly(path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the API keys"):
        Keys(path.parent / "nowhere")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot read the API keys"):
        Keys(path)


def test_a_file_that_everybody_can_read_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "serve")
    Keys(path)
    assert not caplog.records
    path.chmod(0o644)
    Keys(path)
    assert "everybody on this machine" in caplog.text
    assert ONE not in caplog.text


def test_no_key_is_kept_in_memory_as_it_was_written(path: Path) -> None:
    assert ONE not in str(vars(Keys(path)))


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/v2/health/live", "/page/main.js"])
def test_probes_and_the_page_are_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize(
    "path", ["", "//", "/page", "/Page/x", "/healthz/", "/healthz/x", "/v2/health", "/readyz\0"]
)
def test_what_only_looks_like_them_is_not(path: str) -> None:
    assert not is_open(path)
