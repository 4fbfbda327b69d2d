"""The tools that send a real server bombs and odd requests, on a small scale."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve.bench.process import Server, running

TOOLS = Path(__file__).resolve().parents[2] / "tools"
LIMITS = ("--max-bytes", "4000000", "--body-timeout", "0.3", "--max-pixels", "4000000")


@pytest.fixture(scope="module")
def tools() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS)
        yield importlib.import_module
    for name in ("bombs", "wild", "fuzz"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = (sys.executable, "-m", "serve", f"model={model}", "--port", "{port}", *LIMITS)
    with running("softres", command, tmp_path_factory.mktemp("log")) as server:
        yield server


def test_every_bomb_is_refused_and_the_server_lives(server: Server, tools: Any) -> None:
    bombs = tools("bombs")
    done = [bombs.blast(bomb, server) for bomb in bombs.bombs()]
    assert [(each.bomb.name, each.status, each.wrong) for each in done if each.wrong] == []
    (zipped,) = (each for each in done if each.bomb.name == "path-like names")
    assert len(bombs.names_in(zipped.body)) == len(bombs.NAMES)
    assert not any("/" in name or ".." in name for name in bombs.names_in(zipped.body))
    assert "Traceback" not in server.log.read_text()


def test_no_odd_request_makes_the_server_fail_or_hang(server: Server, tools: Any) -> None:
    tally = tools("wild").run(server, cases=200, seed=3, threads=4)
    assert tally.failures == []
    assert sum(tally.outcomes.values()) == 200
    assert {"200", "400", "404"} <= set(tally.outcomes)
    assert "Traceback" not in server.log.read_text()


def test_a_status_that_is_not_announced_is_a_failure(tools: Any) -> None:
    wild = tools("wild")
    wrong = {
        each: wild._wrong(each) for each in ("200", "429", "503", "500", "closed", "hangs, 9 s")
    }
    assert [each for each, is_wrong in wrong.items() if is_wrong] == ["500", "hangs, 9 s"]
