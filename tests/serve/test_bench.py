"""The benchmark of the service: its loads, its numbers, and a short run of all of it."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.errors import UserError
from kernels.picture import decode
from serve.bench import load, masks, pictures, plan
from serve.bench.load import Shot, Volley
from serve.bench.outcome import Outcome
from serve.bench.overload import Strain
from serve.bench.row import row
from serve.bench.wire import BROKE_OFF, Lines, Reply, get, post

ROOT = Path(__file__).parents[2]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer-Timing: network;dur=1.5\r\n\r\nok"
Handler = Callable[[], Awaitable[bytes]]


def with_server(handler: Handler, ask: Callable[[int], Awaitable[Any]]) -> Any:
    """What `ask` finds at a server that answers every request without a body by `handler`."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                answer = await handler()
                if not answer:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> Any:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        async with server:
            return await ask(server.sockets[0].getsockname()[1])

    return asyncio.run(main())


def one_at_a_time(seconds: float) -> Handler:
    lock = asyncio.Lock()

    async def handler() -> bytes:
        async with lock:
            await asyncio.sleep(seconds)
        return ANSWER

    return handler


def shot(seconds: float, status: int = 200, **stages: float) -> Shot:
    return Shot(intended=0.0, seconds=seconds, late=0.0, status=status, stages=stages)


def test_arrivals_are_as_many_as_told_in_order_and_the_same_of_one_seed() -> None:
    moments = load.schedule(20, 5, seed=1)
    assert len(moments) == 100
    assert (np.diff(moments) >= 0).all()
    assert 0 <= moments[0] <= moments[-1] <= 5
    np.testing.assert_array_equal(moments, load.schedule(20, 5, seed=1))
    assert (moments != load.schedule(20, 5, seed=2)).any()
    # Of strangers the gaps vary as much as they are long; of a clock they would not vary.
    gaps = np.diff(load.schedule(100, 100, seed=0))
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)


def test_arrivals_are_timed_from_when_they_were_to_be_sent() -> None:
    volley: Volley = with_server(
        one_at_a_time(0.03),
        lambda port: load.opened(port, [get("/")], rate=100, seconds=0.3, seed=0),
    )
    assert [each.status for each in volley.shots] == [200] * 30
    # 30 of 30 ms each: who came last waited for nearly all of them.
    assert max(each.seconds for each in volley.shots) > 0.4


def test_clients_that_wait_have_one_request_each_under_way() -> None:
    held = most = 0

    async def handler() -> bytes:
        nonlocal held, most
        held += 1
        most = max(most, held)
        await asyncio.sleep(0.01)
        held -= 1
        return ANSWER

    volley: Volley = with_server(
        handler, lambda port: load.closed(port, [get("/")], clients=3, seconds=0.2)
    )
    assert most == 3
    assert len(volley.shots) > 6
    assert volley.shots[0].stages == {"network": 1.5}


def test_a_line_that_breaks_off_is_no_answer_and_costs_no_other_one() -> None:
    answers = [b"", ANSWER]

    async def handler() -> bytes:
        return answers.pop(0)

    async def ask(port: int) -> list[Reply]:
        lines = Lines(port)
        found = [await lines.ask(get("/")), await lines.ask(get("/"))]
        lines.close()
        return found

    broken, whole = with_server(handler, ask)
    assert (broken.status, whole.status, whole.body) == (BROKE_OFF, 200, b"ok")


def test_a_request_says_how_long_it_is() -> None:
    head, _, body = post("/segment", b"12345").partition(b"\r\n\r\n")
    assert b"Content-Length: 5" in head
    assert body == b"12345"


def test_a_row_has_the_times_of_what_was_answered_alone() -> None:
    fast = [shot(0.1, network=60.0, queue=10.0, decode=5.0) for _ in range(99)]
    found = row(
        "softres", "closed 1", [Volley(shots=(*fast, shot(9, 429)), seconds=10, processor=1)]
    )
    assert found.statuses == {200: 99, 429: 1}
    assert found.rate == pytest.approx(9.9)
    assert found.total
    assert found.total.p99 == pytest.approx(100)
    assert found.besides
    assert found.besides.p50 == pytest.approx(30)
    assert found.stages["http"].p50 == pytest.approx(25)
    assert found.processor == pytest.approx(0.1)


def test_a_row_without_answers_has_no_times() -> None:
    found = row("other", "closed 1", [Volley(shots=(shot(1, 500),), seconds=1, processor=0)])
    assert (found.rate, found.total, found.besides, found.stages) == (0.0, None, None, {})


def test_masks_may_differ_where_no_class_leads_and_nowhere_else() -> None:
    ours, lead = np.zeros((100, 100), np.uint8), np.full((100, 100), 50, np.uint8)
    theirs = ours.copy()
    theirs[0, :50] = 1
    near = lead.copy()
    near[0, :50] = masks.TIE - 1
    assert masks.likeness([ours], [near], [theirs]).wrong(variant=False) == ""
    beyond = masks.likeness([ours], [lead], [theirs])
    told = "0.500% of its pixels differ, 0.500% beyond near-ties"
    assert beyond.wrong(variant=False) == told
    # Another precision moves more than near-ties, but it is the same model still.
    assert beyond.wrong(variant=True) == ""
    other = ours.copy()
    other[:3] = 1
    assert masks.likeness([ours], [near], [other]).wrong(variant=True).startswith("3.000%")
    with pytest.raises(UserError, match="its mask is"):
        masks.likeness([ours], [lead], [theirs[1:]])


def test_goals_are_judged_by_the_best_load_of_each() -> None:
    rows = (
        row(
            "softres", "closed 1", [Volley(shots=(shot(0.05, network=10),), seconds=1, processor=0)]
        ),
    )
    outcome = Outcome(
        facts={},
        rows=rows,
        peaks={},
        likeness={},
        best={"softres": 10.0, "torch": 2.5},
        least={"torch": 5.0, "litserve": 2.0},
        absent={"litserve": "it is not installed"},
    )
    assert [passed for passed, _ in outcome.verdicts()] == [False, False]
    assert "4.00 x the requests/s of torch" in outcome.text()
    assert "litserve: not run, it is not installed" in outcome.text()


@pytest.mark.parametrize("text", ["int8= ", "int8='a.onnx"])
def test_a_variant_that_names_no_artefact_is_told_its_form(text: str) -> None:
    with pytest.raises(UserError, match="is not NAME=ARTEFACT OPTIONS"):
        plan.variants([text])


def test_a_variant_of_ours_is_judged_by_the_same_goals() -> None:
    outcome = Outcome(
        facts={},
        rows=(),
        peaks={},
        likeness={},
        best={"softres": 10.0, "int8": 12.5, "torch": 2.5},
        least={"torch": 5.0},
        absent={},
        ours=("softres", "int8"),
    )
    assert [passed for passed, _ in outcome.verdicts()] == [False, True]
    assert "int8: 5.00 x the requests/s of torch" in outcome.text()
    assert "as many a second as int8" not in outcome.text()


SOUND = Strain(
    seconds=60,
    capacity=10,
    answered=9,
    rate=100,
    places=18,
    queue_time=None,
    unloaded_p50=100,
    accepted_p50=1900,
    accepted_p99=2100,
    statuses={200: 540, 429: 5460},
    late=0,
    health=(2, 20, 60),
    resident=(300 << 20,) * 100,
    processor=0.1,
)


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, []),
        ({"statuses": {200: 540, 0: 1}}, [0]),
        ({"resident": tuple((300 + index) << 20 for index in range(100))}, [1]),
        ({"accepted_p99": 2101}, [2]),
        ({"queue_time": 0.5}, [2]),
        ({"queue_time": 0.5, "accepted_p99": 800}, []),
        ({"queue_time": 60}, []),
        ({"answered": 5}, [3]),
        ({"health": (2, 20, 120)}, [4]),
    ],
)
def test_each_promise_under_overload_is_judged_by_itself(
    change: dict[str, Any], failed: list[int]
) -> None:
    judged = [passed for passed, _ in replace(SOUND, **change).verdicts()]
    assert [index for index, passed in enumerate(judged) if not passed] == failed


@pytest.mark.parametrize(
    ("rivals", "least", "told"),
    [
        (["other=python other.py"], [], "does not say {port}"),
        (["other=x {port}", "other=y {port}"], [], "two servers have one name"),
        (["other"], [], "is not NAME=COMMAND"),
        (["other=x {port}"], ["another=2"], "no --rival"),
        (["other=x {port}"], ["other=many"], "are not numbers"),
    ],
)
def test_rivals_that_say_nothing_are_errors(rivals: list[str], least: list[str], told: str) -> None:
    with pytest.raises(UserError) as raised:
        plan.rivals(rivals, least)
    assert told in raised.value.message


@pytest.mark.parametrize("name", ["softres", "other"])
def test_no_server_has_the_name_of_another(name: str, model: Path) -> None:
    rivals = plan.rivals(["other=x {port}"], [])
    with pytest.raises(UserError, match="two servers have one name"):
        plan.together(plan.ours(model), *plan.variants([f"{name}={model}"]), *rivals)


def bench(*words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    command = [sys.executable, "-m", "serve.bench", *words, "--size", "64x96", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done, json.loads(done.stdout or "{}")


def test_a_short_run_measures_all_that_start_and_tells_of_those_that_do_not(model: Path) -> None:
    same = f"same='{sys.executable}' -m serve '{model}' --whole-decode --port {{port}}"
    gone = f"gone='{sys.executable}' -c 'raise SystemExit(\"error: it is not there\")' {{port}}"
    short = ("--seconds", "0.4", "--rounds", "2", "--clients", "1,2", "--rates", "5")
    variant = f"single={shlex.quote(str(model))} --workers 1 --whole-decode"
    others = (
        "--options=--whole-decode",
        "--variant",
        variant,
        "--rival",
        same,
        "--rival",
        gone,
        "--at-least",
        "same=0",
    )
    done, told = bench(str(model), *others, *short)
    assert told["absent"] == {"gone": "it is not there"}, done.stderr
    loads = {(each["server"], each["load"]) for each in told["rows"]}
    assert loads == {
        (server, one)
        for server in ("softres", "single", "same")
        for one in ("closed 1", "closed 2", "open 5.00/s")
    }
    assert all(set(each["statuses"]) == {"200"} for each in told["rows"])
    assert all(each["stages"]["network"]["p50"] > 0 for each in told["rows"])
    alike = {"changed": 0.0, "beyond": 0.0}
    assert told["likeness"] == {"softres": alike, "single": alike, "same": alike}
    assert min(told["peaks"].values()) > 50 << 20


def test_masks_of_reduced_jpegs_are_held_against_those_of_whole_ones(model: Path) -> None:
    jpeg = pictures.made_up((64, 96))
    assert np.array_equal(decode(pictures.without_loss(jpeg), "png"), decode(jpeg, "jpeg"))
    # A network that looks at 3x3 pixels, and a picture all noise: a decoder that reduces shows.
    done, told = bench(str(model), "--seconds", "0.1", "--rounds", "1", "--clients", "1")
    assert (done.returncode, told) == (2, {})
    assert "of its pixels differ" in done.stderr


def test_a_short_overload_is_answered_or_refused(model: Path) -> None:
    done, told = bench(str(model), "--overload", "1", "--seconds", "0.3", "--options", "--queue 2")
    assert set(told["statuses"]) <= {"200", "429", "503"}, done.stderr
    assert told["statuses"]["200"] > 0
    assert len(told["verdicts"]) == 5
    assert len(told["resident"]) >= 2
