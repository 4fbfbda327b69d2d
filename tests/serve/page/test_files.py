"""What lies at `/` and /page: the listed files, with their types and headers, and nothing else."""

from __future__ import annotations

import re
import socket
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from serve import page

ROOT = Path(__file__).parents[3]
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg"}
NAMES = sorted(path.name for path in (ROOT / "serve" / "web").iterdir())


def test_the_page_lies_in_the_package() -> None:
    folder = resources.files("serve").joinpath("web")
    assert sorted(item.name for item in folder.iterdir()) == NAMES
    assert set(NAMES) == set(page.files())
    assert "index.html" in NAMES


def test_the_page_is_answered_at_the_root(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == (ROOT / "serve" / "web" / "index.html").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_each_file_has_its_type_and_is_sent_once(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(TYPES[Path(name).suffix])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    known = answer.headers["etag"]
    again = client.get(f"/page/{name}", headers={"If-None-Match": f'"other", W/{known}, {known}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == known
    assert client.get(f"/page/{name}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_nothing_inline_and_nothing_from_elsewhere_is_allowed(client: httpx.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_another_place(name: str) -> None:
    text = (ROOT / "serve" / "web" / name).read_text(encoding="utf-8")
    found = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*", text))
    assert found <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/nothing.js",
        "/page/../page.py",
        "/page/..%2Fpage.py",
        "/page/%2e%2e/app.py",
        "/page/..%5Capp.py",
        "/page//etc/passwd",
        "/page/web/index.html",
    ],
)
def test_no_path_leads_out_of_the_list(client: httpx.Client, path: str) -> None:
    # By hand: a client would tidy the path up before it asks.
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 404 ")


def test_a_file_that_is_not_there_is_a_problem_like_any_other(client: httpx.Client) -> None:
    answer = client.get("/page/nothing.js")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "no such file" in answer.json()["detail"]
