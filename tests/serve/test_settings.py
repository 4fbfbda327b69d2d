"""Settings come from flags, then from variables, then from defaults, and say which was wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from kernels.errors import UserError
from serve.settings import Settings, named, read

TEXTS = {
    "models": "a.onnx b=c.onnx",
    "host": "::1",
    "device": "cpu",
    "port": "81",
    "tile": "99",
    "log": "json",
    "whole_decode": "1",
    "api_key_file": "/keys",
    "cors_origin": "https://one.example http://two.example:81",
}


def test_every_field_is_read_from_its_variable() -> None:
    texts = {field.name: TEXTS.get(field.name, "7") for field in fields(Settings)}
    variables = {f"SOFTRES_{name.upper()}": text for name, text in texts.items()}
    told = read({}, variables)
    assert told.models == ("a.onnx", "b=c.onnx")
    assert (told.host, told.device, told.port, told.tile) == ("::1", "cpu", 81, 99)
    assert (told.log, told.api_key_file) == ("json", Path("/keys"))
    assert told.cors_origin == ("https://one.example", "http://two.example:81")
    assert (told.whole_decode, Settings.whole_decode) == (True, False)
    sevens = [field.name for field in fields(Settings) if field.name not in TEXTS]
    assert len(sevens) == 12
    assert {getattr(told, name) for name in sevens} == {7}


def test_a_flag_wins_over_its_variable() -> None:
    told = read({"models": ("m.onnx",), "queue": 3}, {"SOFTRES_QUEUE": "9", "SOFTRES_PORT": "1"})
    assert (told.queue, told.port, told.deadline) == (3, 1, Settings.deadline)


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("SOFTRES_PORT", "http", "'http' is not a whole number"),
        ("SOFTRES_PORT", "70000", "port 70000 must be at least 0 and at most 65535"),
        ("SOFTRES_DEADLINE", "nan", "deadline nan must be at least 0.001 and at most 86400"),
        ("SOFTRES_DEADLINE", "0", "deadline 0.0 must be at least 0.001"),
        ("SOFTRES_DEADLINE", "inf", "deadline inf must be at least"),
        ("SOFTRES_BODY_TIMEOUT", "-1", "body_timeout -1.0 must be at least 0.001"),
        ("SOFTRES_SEND_TIMEOUT", "0", "send_timeout 0.0 must be at least 0.001"),
        ("SOFTRES_WORKERS", "1000000000", "workers 1000000000 must be at least 1 and at most 4096"),
        ("SOFTRES_DRAIN", "inf", "drain inf must be at least 0"),
        ("SOFTRES_BATCH_DELAY", "1e400", "batch_delay inf must be at least 0"),
        ("SOFTRES_WORKERS", "0", "workers 0 must be at least 1"),
        ("SOFTRES_WHOLE_DECODE", "perhaps", "'perhaps' is not 1 or 0"),
        ("SOFTRES_DEVICE", "gpu", "unknown device 'gpu'"),
        ("SOFTRES_LOG", "xml", "unknown form of the log 'xml'"),
        ("SOFTRES_CORS_ORIGIN", "page.example", "is not the origin of a page"),
        ("SOFTRES_CORS_ORIGIN", "https://page.example/", "is not the origin of a page"),
        ("SOFTRES_MODELS", "'a.onnx", "is not words"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(variable: str, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as raised:
        read({"models": None if variable == "SOFTRES_MODELS" else ("m.onnx",)}, {variable: text})
    assert raised.value.message.startswith(f"{variable}: ")
    assert raised.value.hint


def test_without_a_model_the_error_says_how_to_give_one() -> None:
    with pytest.raises(UserError, match="no model was given") as raised:
        read({"models": None}, {})
    assert "SOFTRES_MODELS" in raised.value.hint


def test_models_are_called_by_their_name_or_by_their_file(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.onnx"
    odd.touch()
    assert named(("x/street.onnx", "night=y/street.onnx", str(odd), Path("c=d.onnx"))) == {
        "street": Path("x/street.onnx"),
        "night": Path("y/street.onnx"),
        "a=b": odd,
        "c=d": Path("c=d.onnx"),
    }


@pytest.mark.parametrize(
    ("models", "says"),
    [
        (("a/model.onnx", "b/model.onnx"), "two models are called 'model'"),
        (("=a.onnx",), "names no model"),
        (("a/b=c.onnx",), "names no model"),
        ((), "no model"),
    ],
)
def test_names_that_say_nothing_or_two_things_are_refused(
    models: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UserError, match=says) as raised:
        Settings(models=models)
    assert raised.value.hint


def test_help_says_what_a_setting_is_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serve", "--help"],
        env={**os.environ, "COLUMNS": "250"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if " --" in line}
    for flag, default in (("--queue", 32), ("--max-pixels", 64_000_000), ("--tile", 2048)):
        assert f"[default: ({default})]" in lines[flag]
    assert "default:" not in lines["--queue-time"]
