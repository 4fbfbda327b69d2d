"""What every request meets, whatever answers it: shown on an app of four routes."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from serve import door, errors, operations, record
from serve.keys import Keys
from serve.metrics import Metrics
from serve.record import Record

KEY = "a-key-of-this-test-0123"


def app(*, keys: Keys | None = None, origins: tuple[str, ...] = ()) -> FastAPI:
    made = FastAPI()
    made.state.metrics = Metrics()
    errors.install(made)
    door.install(made, metrics=made.state.metrics, keys=keys, origins=origins)
    made.include_router(operations.router)

    @made.post("/echo/{name}")
    async def echo(request: Request, name: str) -> dict[str, int]:
        told = record.of(request.scope)
        told.model, told.pixels, told.milliseconds = "street", 42, {"paint": 20.0}
        return {"bytes": len(await request.body())}

    @made.get("/number")
    async def number(size: int) -> int:
        return size

    @made.get("/v2/fails")
    @made.get("/fails")
    async def fails() -> None:
        raise RuntimeError("inner secret")

    @made.get("/readyz")
    async def readyz() -> str:
        return "yes"

    return made


def ask(made: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        wire = httpx.ASGITransport(made, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=wire, base_url="http://here") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def numbers(made: FastAPI) -> dict[str, float]:
    lines = ask(made, "GET", "/metrics").text.splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    path = tmp_path / "keys"
    path.write_text(KEY)
    path.chmod(0o600)
    return Keys(path)


def test_the_request_id_is_answered_in_the_header_and_in_problems() -> None:
    answer = ask(app(), "GET", "/nowhere", headers={"X-Request-ID": "mine"})
    assert answer.headers["X-Request-ID"] == "mine"
    assert answer.json()["request_id"] == "mine"


def test_every_answer_forbids_to_guess_its_type() -> None:
    for path in ("/readyz", "/nowhere", "/fails", "/docs"):
        assert ask(app(), "GET", path).headers["X-Content-Type-Options"] == "nosniff"


def test_an_exception_nobody_expected_is_a_problem_that_leaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = ask(app(), "GET", "/fails", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == "mine"
    assert answer.json()["hint"]
    assert "secret" not in answer.text
    failure = next(each for each in caplog.records if each.levelno == logging.ERROR)
    assert failure.__dict__["facts"] == {"request_id": "mine"}
    assert failure.exc_info


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/echo/a", 405), ("GET", "/number?size=x", 400)],
)
def test_every_wrong_request_is_a_problem_with_a_hint(method: str, path: str, status: int) -> None:
    answer = ask(app(), method, path)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail", "hint", "request_id"} <= problem.keys()
    assert problem["hint"]


def test_what_is_wrong_with_a_parameter_is_said() -> None:
    assert "query size" in ask(app(), "GET", "/number?size=x").json()["detail"]


@pytest.mark.parametrize(("path", "status"), [("/v2/nowhere", 404), ("/v2/fails", 500)])
def test_below_v2_an_error_is_one_text(path: str, status: int) -> None:
    answer = ask(app(), "GET", path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]


def test_one_line_says_what_became_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "serve")
    ask(app(), "POST", "/echo/a", content=b"12345")
    (line,) = caplog.records
    facts = line.__dict__["facts"]
    assert (facts["status"], facts["method"], facts["path"]) == (200, "POST", "/echo/a")
    assert (facts["route"], facts["model"], facts["pixels"]) == ("/echo/{name}", "street", 42)
    assert (facts["bytes_in"], facts["bytes_out"]) == (5, len('{"bytes":5}'))
    assert facts["stages"] == {"paint": 20.0}
    assert facts["ms"] > 0


def test_metrics_count_requests_stages_pixels_and_bytes() -> None:
    made = app()
    for _ in range(2):
        ask(made, "POST", "/echo/a", content=b"12345")
    found = numbers(made)
    labels = 'method="POST",model="street",route="/echo/{name}",status="200"'
    assert found[f"softres_requests_total{{{labels}}}"] == 2
    assert found["softres_received_bytes_total"] == 10
    assert found["softres_sent_bytes_total"] == 2 * len('{"bytes":5}')
    assert found['softres_pixels_total{model="street"}'] == 84
    assert found['softres_stage_seconds_bucket{le="0.01",model="street",stage="paint"}'] == 0
    assert found['softres_stage_seconds_bucket{le="0.025",model="street",stage="paint"}'] == 2
    assert found['softres_request_seconds_count{route="/echo/{name}"}'] == 2
    # This very request is the one in flight.
    assert found["softres_in_flight"] == 1
    assert found["process_resident_memory_bytes"] > 1e6


def test_no_client_can_add_labels() -> None:
    made = app()
    rows = []
    for index in range(4):
        ask(made, "GET", f"/nowhere/{index}")
        ask(made, f"STRANGE{index}", "/readyz")
        rows.append(len(numbers(made)))
    # The first look at the numbers is itself counted in the second.
    assert rows[1] == rows[2] == rows[3]
    assert 'route="other"' in ask(made, "GET", "/metrics").text
    assert 'method="other"' in ask(made, "GET", "/metrics").text


def test_two_apps_in_one_process_count_apart() -> None:
    one, two = app(), app()
    ask(one, "POST", "/echo/a", content=b"12345")
    assert numbers(one)["softres_received_bytes_total"] == 5
    assert numbers(two)["softres_received_bytes_total"] == 0


def test_metrics_tell_of_models_queue_and_batches() -> None:
    made = app()
    metrics: Metrics = made.state.metrics
    facts = {"name": "old", "runtime": "here", "classes": 5, "factor": "1/2", "sight": 2}
    metrics.watch_models(lambda: [facts])
    numbers(made)
    facts["name"] = "street"
    metrics.watch_queue(lambda: 3.0)
    metrics.batches.labels("street").observe(4)
    found = numbers(made)
    info = 'classes="5",factor="1/2",model="street",runtime="here",sight="2"'
    assert [name for name in found if "model_info" in name] == [f"softres_model_info{{{info}}}"]
    assert found["softres_queue_depth"] == 3
    assert found['softres_batch_pictures_bucket{le="4.0",model="street"}'] == 1
    assert found['softres_batch_pictures_bucket{le="2.0",model="street"}'] == 0


def test_without_keys_everybody_may_ask() -> None:
    assert ask(app(), "POST", "/echo/a", content=b"1").status_code == 200


@pytest.mark.parametrize("path", ["/echo/a", "/v2/models/a", "/metrics", "/docs", "/nowhere"])
def test_with_keys_who_has_none_is_turned_away(keys: Keys, path: str) -> None:
    answer = ask(app(keys=keys), "POST", path, content=b"1")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="softres"'
    assert answer.headers["X-Request-ID"]
    assert "hint" in answer.text


def test_with_a_key_one_may_ask(keys: Keys) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = ask(app(keys=keys), "POST", "/echo/a", content=b"1", headers=headers)
    assert answer.status_code == 200


def test_probes_and_the_page_need_no_key(keys: Keys) -> None:
    made = app(keys=keys)
    assert ask(made, "GET", "/readyz").status_code == 200
    # There is none in this app, which is not to say that a key is missing.
    for path in ("/", "/page/main.js"):
        assert ask(made, "GET", path).status_code == 404


def test_who_has_no_key_is_turned_away_before_the_body_is_read(keys: Keys) -> None:
    async def unread() -> Any:
        raise AssertionError("the body was asked for")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/echo/a",
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(app(keys=keys)(scope, unread, send))
    assert sent[0]["status"] == 401


def test_other_origins_are_let_in_only_when_named() -> None:
    headers = {"Origin": "https://there.example"}
    assert (
        "access-control-allow-origin" not in ask(app(), "GET", "/readyz", headers=headers).headers
    )
    made = app(origins=("https://there.example",))
    answer = ask(made, "GET", "/readyz", headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://there.example"
    stranger = ask(made, "GET", "/readyz", headers={"Origin": "https://else.example"})
    assert "access-control-allow-origin" not in stranger.headers


def test_a_browser_may_ask_first_without_a_key(keys: Keys) -> None:
    headers = {
        "Origin": "https://there.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    made = app(keys=keys, origins=("https://there.example",))
    answer = ask(made, "OPTIONS", "/echo/a", headers=headers)
    assert answer.status_code == 200
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


def test_a_client_that_leaves_before_the_answer_is_counted_as_such() -> None:
    made = app()

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/echo/a",
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(made({**scope, "root_path": ""}, gone, send))
    labels = 'method="POST",model="street",route="/echo/{name}",status="400"'
    assert numbers(made)[f"softres_requests_total{{{labels}}}"] == 1


def test_the_record_of_a_request_is_there_without_the_door() -> None:
    scope: dict[str, Any] = {}
    assert isinstance(record.of(scope), Record)
    assert record.of(scope) is record.of(scope)
