"""The routes beside /segment, and what the service does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx

from serve import encode, parameters

ROOT = Path(__file__).parents[2]

ANSWER_ONE = """
import asyncio, sys
import serve.app
assert "torch" not in sys.modules
assert "onnxruntime" not in sys.modules

import httpx
from pathlib import Path
from serve.settings import Settings

async def ask():
    app = serve.app.create_app(Settings(models=(Path(sys.argv[1]),)))
    async with app.router.lifespan_context(app):
        wire = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=wire, base_url="http://here") as client:
            return await client.post("/segment", content=Path(sys.argv[2]).read_bytes())

answer = asyncio.run(ask())
assert answer.status_code == 200, answer.text
loaded = {"torch", "triton", "trainer", "export"} & sys.modules.keys()
assert not loaded, loaded
"""


def test_an_answer_needs_neither_torch_nor_the_trainer(
    tmp_path: Path, model: Path, toy: SimpleNamespace
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(toy.written(toy.photo(30, 40)))
    done = subprocess.run(
        [sys.executable, "-c", ANSWER_ONE, model, picture],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_contract_is_answered_byte_for_byte(client: httpx.Client, toy: SimpleNamespace) -> None:
    answer = client.get("/contract")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == toy.contract().to_json().encode()


def test_healthz_says_what_is_served(client: httpx.Client) -> None:
    health = client.get("/healthz").json()
    assert health["status"] == "ok"
    assert health["model"] == "model.onnx"
    assert health["classes"] == 5
    assert (health["factor"], health["sight"]) == ("1/2", 1)
    assert health["runtime"].startswith("ONNX Runtime")


def test_openapi_describes_bodies_answers_and_errors(client: httpx.Client) -> None:
    segment = client.get("/openapi.json").json()["paths"]["/segment"]["post"]
    assert {"image/jpeg", "image/png", "image/webp", "multipart/form-data"} <= set(
        segment["requestBody"]["content"]
    )
    assert "upright" in segment["description"]
    problems = {"400", "404", "406", "408", "413", "429", "500", "503"}
    assert set(segment["responses"]) == {"200", *problems}
    assert all("Retry-After" in segment["responses"][code]["headers"] for code in ("429", "503"))
    assert "image/png" in segment["responses"]["200"]["content"]
    assert "Server-Timing" in segment["responses"]["200"]["headers"]
    assert "application/problem+json" in segment["responses"]["413"]["content"]


def test_openapi_names_every_parameter_and_format(client: httpx.Client) -> None:
    segment = client.get("/openapi.json").json()["paths"]["/segment"]["post"]
    told = {each["name"]: each for each in segment["parameters"]}
    assert told["format"]["schema"]["enum"] == list(encode.names())
    for name in encode.names():
        assert f"`{name}`: " in segment["description"]
        assert set(parameters.names(encode.load(name).Options)) <= told.keys()
        assert encode.load(name).MEDIA_TYPE in segment["responses"]["200"]["content"]
    assert {"classes", "window", "confidence"} <= told.keys()
    assert all(each["in"] == "query" and each["description"] for each in told.values())
    assert told["tolerance"]["schema"] == {
        "type": "number", "minimum": 0, "maximum": 100, "default": 0.0,
    }  # fmt: skip
    assert "json" in segment["responses"]["200"]["content"]["application/json"]["examples"]
