"""Sends a real server wrong requests without end: odd ones of its own /openapi.json, and damaged.

`python tools/wild.py model.onnx --cases 20000` counts the answers by status, and fails where one is
an error of the server that it does not announce, where a request hangs, or where memory grows.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np

import fuzz
from serve.bench.process import Server, running
from serve.bench.wire import HOST

THREADS = 8
# What the service says it may answer: 5xx are these alone.
ANNOUNCED = (503,)
# A body that is shorter than told is waited for this long; a half request, until we hang up.
BODY_TIMEOUT, PATIENCE, LONGEST = 0.2, 1.0, 10.0
MOST_GROWTH = 64 << 20
TEXTS = (
    *("", "0", "-1", "1", "2", "256", "65536", "1e999", "nan", "true", "no", "é", "%00", "\0"),
    *("0,0,8,8", "0,0,0,0", "-1,0,9,9", "1,2,3", "9" * 400, "x" * 3000, "../../etc/passwd"),
    *("class é 1", "1,2", ",,,", "image/png", "*/*", "*/*;q=0", "text/html", "a/b;q=2,", "{}"),
)
NAME = "model"
KINDS = (
    *("image/jpeg", "application/octet-stream", "text/plain", "", "multipart/form-data"),
    "multipart/form-data; boundary=b",
)

Random = np.random.Generator


@dataclass(kw_only=True)
class Tally:
    """What became of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and a path, and the names and usual values of its parameters."""

    method: str
    path: str
    parameters: tuple[tuple[str, tuple[str, ...]], ...]


def routes(openapi: dict[str, Any]) -> list[Route]:
    """All that the service announces."""
    return [
        Route(
            method=method.upper(),
            path=path,
            parameters=tuple(
                (each["name"], _values(each["schema"])) for each in told.get("parameters", ())
            ),
        )
        for path, methods in openapi["paths"].items()
        for method, told in methods.items()
    ]


def _values(schema: dict[str, Any]) -> tuple[str, ...]:
    told = [*schema.get("enum", ()), *(schema.get(k) for k in ("default", "minimum", "maximum"))]
    return tuple(str(each) for each in told if each is not None) or ("1",)


def request(every: Sequence[Route], pictures: list[bytes], random: Random) -> bytes:
    """An odd request; one in three is damaged besides."""
    route = every[random.integers(len(every))]
    # Nine in ten to where the work is done.
    if random.random() < 0.9:
        posts = [each for each in every if each.method == "POST"]
        route = posts[random.integers(len(posts))]
    body = _body(pictures, random) if route.method == "POST" else b""
    length = len(body) if random.random() < 0.95 else int(random.integers(0, 2 * len(body) + 2))
    lines = [
        f"{route.method} {_target(route, random)} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Length: {length}",
        f"Content-Type: {KINDS[random.integers(len(KINDS))]}",
    ]
    if random.random() < 0.3:
        lines.append(f"Accept: {TEXTS[random.integers(len(TEXTS))]}")
    head = bytearray("\r\n".join([*lines, "", ""]).encode())
    if random.random() < 0.33:
        head = bytearray(fuzz.mutated(bytes(head), pictures, random))
    return bytes(head) + body


def _target(route: Route, random: Random) -> str:
    path, query = route.path, []
    for name, usual in route.parameters:
        known = random.random() < 0.6
        values = usual if known else TEXTS
        value = values[random.integers(len(values))]
        if "{" + name + "}" in path:
            path = path.replace("{" + name + "}", NAME if known else quote(value, safe=""))
        elif random.random() < 0.06:
            query.append(f"{name}={quote(value, safe=',%')}")
    if random.random() < 0.02:
        query.append("colour=red")
    return path + ("?" + "&".join(query) if query else "")


def _body(pictures: list[bytes], random: Random) -> bytes:
    picture = pictures[random.integers(len(pictures))]
    if random.random() < 0.6:
        picture = fuzz.mutated(picture, pictures, random)
    if random.random() < 0.6:
        return picture
    name = TEXTS[random.integers(len(TEXTS))]
    part = f'--b\r\nContent-Disposition: form-data; name="p"; filename="{name}"\r\n\r\n'.encode()
    form = (part + picture + b"\r\n") * int(random.integers(0, 4)) + b"--b--\r\n"
    return form if random.random() < 0.7 else fuzz.mutated(form, pictures, random)


def outcome(port: int, data: bytes) -> str:
    """The status, `closed` where the server hangs up without one, or that it hangs."""
    begin = time.monotonic()
    with suppress(ConnectionError), socket.create_connection((HOST, port), PATIENCE) as line:
        with suppress(ConnectionError):
            line.sendall(data)
        for patience in (PATIENCE, LONGEST):
            line.settimeout(patience)
            try:
                seen = line.recv(64)
            except TimeoutError:
                # It may wait for what never comes; now it knows.
                line.shutdown(socket.SHUT_WR)
                continue
            words = seen.split()
            return words[1].decode("latin-1") if len(words) > 1 else "closed"
        return f"hangs, {time.monotonic() - begin:.0f} s"
    return "closed"


def run(server: Server, cases: int, seed: int, threads: int = THREADS) -> Tally:
    """Send `cases` requests, always the same ones of one seed, from several threads."""
    with urllib.request.urlopen(f"http://{HOST}:{server.port}/openapi.json") as answer:
        every = routes(json.load(answer))
    tally, lock, pictures = Tally(), threading.Lock(), fuzz.seeds()

    def sender(first: int) -> None:
        for case in range(first, cases, threads):
            data = request(every, pictures, np.random.default_rng([seed, case]))
            begin = time.monotonic()
            found = outcome(server.port, data)
            took = time.monotonic() - begin
            with lock:
                tally.outcomes[found] += 1
                tally.slowest = max(tally.slowest, took)
                if _wrong(found):
                    tally.failures.append(f"case {case}: {found}: {data[:120]!r}")

    _together(sender, threads)
    return tally


def _wrong(found: str) -> bool:
    if not found.isdecimal():
        return found != "closed"
    return int(found) >= 500 and int(found) not in ANNOUNCED


def _together(sender: Callable[[int], None], threads: int) -> None:
    senders = [threading.Thread(target=sender, args=(first,)) for first in range(threads)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()


def main() -> None:
    """Print the outcomes; exit code 1 where one of them must not be."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("model", type=Path)
    words.add_argument("--cases", type=int, default=20_000)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    limits = ("--body-timeout", str(BODY_TIMEOUT), "--max-pixels", "4000000")
    command = (sys.executable, "-m", "serve", f"{NAME}={given.model}", "--port", "{port}", *limits)
    with TemporaryDirectory() as folder, running("softres", command, Path(folder)) as server:
        run(server, min(1000, given.cases), given.seed + 1)
        before = server.resident()
        tally = run(server, given.cases, given.seed)
        growth = server.resident() - before
        left = server.stop()
        told = server.log.read_text(errors="replace")
    for status, count in tally.outcomes.most_common():
        print(f"{count:7d} {status}")
    traces = told.count("Traceback")
    print(
        f"slowest {tally.slowest:.2f} s, memory grew by {growth / 2**20:.1f} MiB, "
        f"{traces} tracebacks in the log, it left with {left}"
    )
    print("\n".join(tally.failures[:20]))
    raise SystemExit(bool(tally.failures) or growth > MOST_GROWTH or traces > 0 or left != 0)


if __name__ == "__main__":
    main()
