"""What whoever runs the service sees of it: keys, log, numbers, pages and reloads of a real one."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest

from serve.settings import Settings

ROOT = Path(__file__).parents[2]
OLD, NEW = "the-old-key-0123456789", "the-new-key-0123456789"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(OLD)
    path.chmod(0o600)
    return path


@contextmanager
def started(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that logs as JSON, and where it is."""
    command = [sys.executable, "-m", "serve", *arguments, "--port", "0", "--log", "json"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stderr
            first = json.loads(process.stderr.readline())
            yield process, first["event"].split()[-1]
        finally:
            process.kill()


def said(process: subprocess.Popen[str], event: str) -> dict[str, object]:
    """The next line of the log that tells of this event."""
    assert process.stderr
    for line in process.stderr:
        told: dict[str, object] = json.loads(line)
        if event in str(told["event"]):
            return told
    raise AssertionError(f"the log ended before '{event}'")


def test_a_real_server_logs_json_and_reads_its_keys_anew(
    model: Path, keys: Path, toy: SimpleNamespace
) -> None:
    picture = toy.written(toy.photo(20, 30))
    with (
        started(model, "--api-key-file", keys) as (process, url),
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        asked = {"X-Request-ID": "mine", **bearer(OLD)}
        assert client.post("/segment", content=picture, headers=asked).status_code == 200
        line = said(process, "request")
        keys.write_text("short")
        process.send_signal(signal.SIGHUP)
        assert "stay what they were" in str(said(process, "API keys")["event"])
        assert client.get("/metrics", headers=bearer(OLD)).status_code == 200
        keys.write_text(NEW)
        process.send_signal(signal.SIGHUP)
        said(process, "keys were read anew")
        statuses = [client.get("/contract", headers=bearer(key)).status_code for key in (OLD, NEW)]
    assert statuses == [401, 200]
    assert (line["request_id"], line["status"], line["path"]) == ("mine", 200, "/segment")
    assert (line["model"], line["pixels"], line["bytes_in"]) == ("model", 600, len(picture))
    assert isinstance(line["stages"], dict)
    assert {"decode", "network", "paint"} <= line["stages"].keys()


def test_a_client_without_a_key_is_turned_away_before_it_sends_its_picture(
    model: Path, keys: Path, toy: SimpleNamespace
) -> None:
    with toy.running(Settings(models=(model,), api_key_file=keys)) as client:
        where = urlsplit(str(client.base_url))
        with socket.create_connection((where.hostname, where.port), timeout=10) as line:
            line.sendall(b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 401 ")
        for probe in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
            assert client.get(probe).status_code == 200
        assert "model" not in client.get("/healthz").text
        assert client.get("/healthz", headers=bearer(OLD)).json()["model"] == model.name


def test_the_numbers_of_a_server_tell_of_its_pictures(model: Path, toy: SimpleNamespace) -> None:
    with toy.running(Settings(models=(model,))) as client:
        for _ in range(2):
            client.post("/segment", content=toy.written(toy.photo(20, 30)))
        client.post("/segment", content=b"no picture")
        text = client.get("/metrics").text
    asked = 'method="POST",model="model",route="/segment"'
    assert f'softres_requests_total{{{asked},status="200"}} 2.0' in text
    assert f'softres_requests_total{{{asked},status="400"}} 1.0' in text
    assert 'softres_pixels_total{model="model"} 1200.0' in text
    assert 'softres_stage_seconds_count{model="model",stage="network"} 2.0' in text
    assert "softres_queue_depth 0.0" in text
    assert 'softres_batch_pictures_bucket{le="1.0",model="model"} 2.0' in text
    assert re.search(r'softres_model_info{classes="5",factor="1/2",model="model",runtime="O', text)


def test_a_batch_of_tensors_runs_together_and_is_counted_so(
    model: Path, toy: SimpleNamespace
) -> None:
    told = Settings(models=(model,), max_batch=4)
    plain = {"name": "image", "datatype": "UINT8", "shape": [3, 4, 4, 3], "data": [7] * 144}
    with toy.running(told) as client:
        answer = client.post("/v2/models/model/infer", json={"inputs": [plain]})
        text = client.get("/metrics").text
    assert answer.status_code == 200
    assert 'softres_batch_pictures_sum{model="model"} 3.0' in text
    assert 'softres_batch_pictures_count{model="model"} 1.0' in text


def test_no_page_names_another_host(client: httpx.Client) -> None:
    paths = [path for path in client.get("/openapi.json").json()["paths"] if "{" not in path]
    answers = [client.get(path) for path in [*paths, "/", "/docs", "/redoc"]]
    pages = [each for each in answers if "html" in each.headers.get("content-type", "")]
    assert [page.url.path for page in pages if page.url.path == "/docs"]
    for page in pages:
        assert not re.findall(r"""(?:https?:)?//[\w.-]+""", page.text), page.url


def test_the_routes_have_a_page_that_loads_nothing(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
    assert client.get("/redoc").status_code == 404
