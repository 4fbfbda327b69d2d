"""The routes beside /segment, and what the service does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx

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
