"""Sends a real server what is meant to break it: each is refused at once, and it goes on living.

`python tools/bombs.py model.onnx` prints status, milliseconds and the memory gained by each, and
fails where an answer is another one than it should be, comes too late, or costs too much.
"""

from __future__ import annotations

import argparse
import io
import select
import socket
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from serve.bench.process import Server, running
from serve.bench.wire import HOST, asked_once
from serve.patience import KEEP_ALIVE

BODY_TIMEOUT = 1.0
QUICK = 1.0  # seconds; a busy machine counts in
LONG = 20.0  # for what is refused by its length alone, and so has to be sent up to that
MOST_GROWTH = 96 << 20
CLOSED = 0  # the line was closed without an answer
HEADERS = "POST /segment HTTP/1.1\r\nHost: x\r\n"


@dataclass(frozen=True, kw_only=True)
class Bomb:
    """A request in pieces, the statuses it may be answered with, and within how many seconds."""

    name: str
    pieces: Callable[[], Iterator[bytes]]
    statuses: tuple[int, ...]
    seconds: float = QUICK


@dataclass(frozen=True, kw_only=True)
class Blast:
    """What became of one."""

    bomb: Bomb
    status: int
    body: bytes
    seconds: float
    growth: int
    alive: bool

    @property
    def wrong(self) -> str:
        """What should not have been."""
        if self.status not in self.bomb.statuses:
            return f"not {' or '.join(map(str, self.bomb.statuses))}"
        if self.seconds > self.bomb.seconds:
            return f"took more than {self.bomb.seconds:g} s"
        if self.growth > MOST_GROWTH:
            return f"took more than {MOST_GROWTH >> 20} MiB"
        return "" if self.alive else "the server is gone"


def posted(body: bytes, kind: str = "image/png") -> Iterator[bytes]:
    """A sound request with this body."""
    yield f"{HEADERS}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def png(width: int, height: int, data: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG of one bit a pixel that says it is so large."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [_chunk(b"IHDR", header), extra, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose frame says it is so large."""
    target = io.BytesIO()
    Image.new("L", (16, 16)).save(target, "JPEG")
    data = bytearray(target.getvalue())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff(pages: int, *, ring: bool) -> bytes:
    """Directories of one entry each, one after the other; the last leads to the first in a ring."""
    data, size = bytearray(b"II*\0" + struct.pack("<I", 8)), 2 + 12 + 4
    for page in range(pages):
        after = 8 + size * (page + 1) if page + 1 < pages else 8 * ring
        data += struct.pack("<HHHIII", 1, 0x0100, 4, 1, 64, after)
    return bytes(data)


def form(names: tuple[str, ...], picture: bytes) -> bytes:
    """A multipart body of the same picture under these file names."""
    head = '--b\r\nContent-Disposition: form-data; name="p"; filename="{}"\r\n\r\n'
    parts = [head.format(name).encode() + picture + b"\r\n" for name in names]
    return b"".join(parts) + b"--b--\r\n"


def endless(first: bytes, again: bytes) -> Iterator[bytes]:
    """A multipart body in chunks that never ends."""
    kind = "Content-Type: multipart/form-data; boundary=b\r\n"
    yield f"{HEADERS}{kind}Transfer-Encoding: chunked\r\n\r\n".encode() + _piece(first)
    again = _piece(again * max(1, 65536 // len(again)))
    while True:
        yield again


def slow(first: str) -> Iterator[bytes]:
    """This, and a byte now and then for as long as the server listens."""
    yield first.encode()
    while True:
        time.sleep(0.05)
        yield b"x"


def raw(headers: str, body: bytes = b"") -> Callable[[], Iterator[bytes]]:
    """These headers, whatever is in the body."""
    return lambda: iter([f"{HEADERS}{headers}\r\n".encode() + body])


PART = b'--b\r\nContent-Disposition: form-data; name="p"'
NAMES = ("../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a\0b.png", "x" * 4000, "")


def bombs() -> list[Bomb]:
    """All of them."""
    large = png(10_000, 10_000, zlib.compress(bytes(1251 * 10_000), 9))
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9))
    small = _small()
    refused = {
        f"100 megapixels in {len(large) // 1000} kB": (large, 413),
        "PNG that says 65535x65535": (png(65535, 65535), 413),
        "JPEG that says 65535x65535": (jpeg(65535, 65535), 413),
        "PNG with 64 MB of text in it": (png(8, 8, zlib.compress(bytes(16)), text), 0),
        "TIFF of 100 000 directories": (tiff(100_000, ring=False), 400),
        "TIFF whose directories are a ring": (tiff(1000, ring=True), 400),
    }
    found = [
        Bomb(
            name=name,
            pieces=lambda data=data: posted(data),  # type: ignore[misc]
            statuses=(status,) if status else (200, 400),
        )
        for name, (data, status) in refused.items()
    ]
    kind = "multipart/form-data; boundary=b"
    found += [
        Bomb(
            name="path-like names",
            pieces=lambda: posted(form(NAMES, small), kind),
            statuses=(200, 400),
            seconds=2 * QUICK,
        ),
        Bomb(
            name="65 files", pieces=lambda: posted(form(("p",) * 65, small), kind), statuses=(400,)
        ),
        Bomb(
            name="endless fields",
            pieces=lambda: endless(b"", PART + b"\r\n\r\nx\r\n"),
            statuses=(400,),
        ),
        Bomb(
            name="endless headers of a part",
            pieces=lambda: endless(PART + b"\r\n", b"X-Y: z\r\n"),
            statuses=(400,),
        ),
        Bomb(
            name="endless file",
            pieces=lambda: endless(PART + b'; filename="x"\r\n\r\n', b"x"),
            statuses=(413,),
            seconds=LONG,
        ),
        Bomb(
            name="slow body",
            pieces=lambda: slow(f"{HEADERS}Content-Length: 100000\r\n\r\n"),
            statuses=(408,),
            seconds=BODY_TIMEOUT + QUICK,
        ),
        Bomb(
            name="slow head",
            pieces=lambda: slow(f"{HEADERS}X: "),
            statuses=(CLOSED,),
            seconds=BODY_TIMEOUT + KEEP_ALIVE + QUICK,
        ),
        Bomb(
            name="body shorter than told",
            pieces=raw("Content-Length: 1000\r\n", b"short"),
            statuses=(408,),
            seconds=BODY_TIMEOUT + QUICK,
        ),
        Bomb(
            name="body longer than told",
            pieces=raw("Content-Length: 4\r\n", b"longer than told"),
            statuses=(400,),
        ),
        Bomb(name="length of 10 TB", pieces=raw(f"Content-Length: {10**13}\r\n"), statuses=(413,)),
        Bomb(name="negative length", pieces=raw("Content-Length: -1\r\n"), statuses=(400,)),
        Bomb(
            name="two lengths",
            pieces=raw("Content-Length: 4\r\nContent-Length: 5\r\n", b"12345"),
            statuses=(400,),
        ),
        Bomb(name="headers of 1 MB", pieces=raw(f"X: {'y' * 2**20}\r\n"), statuses=(400, 431)),
        Bomb(
            name="a path upwards",
            pieces=lambda: iter([b"GET /page/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"]),
            statuses=(404,),
        ),
    ]
    return found


def blast(bomb: Bomb, server: Server) -> Blast:
    """Send it, and look at what is left."""
    before, begin = server.resident(), time.monotonic()
    status, body = sent(server.port, bomb.pieces(), 2 * bomb.seconds)
    took = time.monotonic() - begin
    alive = asked_once(server.port, "/healthz") == 200
    growth = server.resident() - before
    return Blast(bomb=bomb, status=status, body=body, seconds=took, growth=growth, alive=alive)


def sent(port: int, pieces: Iterator[bytes], patience: float) -> tuple[int, bytes]:
    """Status and body; it is sent as long as there is no answer."""
    seen, rest, deadline = b"", b"", time.monotonic() + patience
    with socket.create_connection((HOST, port), timeout=patience) as line, suppress(OSError):
        line.setblocking(False)
        while not _whole(seen) and time.monotonic() < deadline:
            rest = rest or next(pieces, b"")
            readable, writable, _ = select.select([line], [line] if rest else [], [], 0.05)
            if readable:
                data = line.recv(1 << 16)
                if not data:
                    break
                seen += data
            elif writable:
                rest = rest[line.send(rest) :]
    return (int(seen.split()[1]) if seen else CLOSED), seen.partition(b"\r\n\r\n")[2]


def _whole(seen: bytes) -> bool:
    """Whether all of the answer is there."""
    head, end, body = seen.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    return bool(end) and len(body) >= length


def _piece(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _small() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (32, 32)).save(target, "PNG")
    return target.getvalue()


def names_in(body: bytes) -> list[str]:
    """The names of the entries where the answer is a zip."""
    try:
        return zipfile.ZipFile(io.BytesIO(body)).namelist()
    except zipfile.BadZipFile:
        return []


def main() -> None:
    """Print a line for each; exit code 1 where one did harm."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("model", type=Path)
    given = words.parse_args()
    options = ("--port", "{port}", "--body-timeout", str(BODY_TIMEOUT))
    command = (sys.executable, "-m", "serve", str(given.model), *options)
    wrong = 0
    with TemporaryDirectory() as folder, running("softres", command, Path(folder)) as server:
        for bomb in bombs():
            done = blast(bomb, server)
            wrong += bool(done.wrong)
            names = f"; zip of {', '.join(names_in(done.body))}"[:60] if names_in(done.body) else ""
            print(
                f"{'MISS' if done.wrong else 'PASS'}  {bomb.name:34}{done.status:4} "
                f"{1000 * done.seconds:8.1f} ms {done.growth / 2**20:+7.1f} MiB  "
                f"{done.wrong}{names}"
            )
        server.stop()
        told = [line for line in server.log.read_text().splitlines() if "Traceback" in line]
    print(f"{wrong} did harm, {len(told)} tracebacks in the log")
    raise SystemExit(wrong > 0 or bool(told))


if __name__ == "__main__":
    main()
