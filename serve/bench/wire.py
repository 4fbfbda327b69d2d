"""HTTP/1.1 with as little as it takes: the load must not cost what it is meant to measure."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "127.0.0.1"
# What a connection that broke off has for a status.
BROKE_OFF = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer; `status` is BROKE_OFF where there is none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def stages(self) -> dict[str, float]:
        """The milliseconds of `Server-Timing`."""
        entries = (
            each.partition(";dur=") for each in self.headers.get("server-timing", "").split(",")
        )
        return {name.strip(): float(took) for name, _, took in entries if took}


def post(path: str, body: bytes, kind: str = "application/octet-stream") -> bytes:
    """A request as it goes over the line."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    """The same without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class _Protocol(asyncio.Protocol):
    """Collects one answer at a time; reads on while it writes, as an answer may come early."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.reply: asyncio.Future[Reply] | None = None
        self._seen = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        found = _parsed(self._seen)
        if found is not None and self.reply is not None and not self.reply.done():
            self._seen.clear()
            self.reply.set_result(found)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self.reply is not None and not self.reply.done():
            self.reply.set_result(Reply(status=BROKE_OFF))


class Lines:
    """Connections to one server, as many as there are requests under way; kept for later."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Protocol] = []
        self._all: list[_Protocol] = []

    async def ask(self, request: bytes) -> Reply:
        """The answer, whenever it comes."""
        line = await self._line()
        if line is None or line.transport is None:
            return Reply(status=BROKE_OFF)
        line.reply = asyncio.get_running_loop().create_future()
        line.transport.write(request)
        reply = await line.reply
        # What was answered before it was sent is still being sent: that line is busy.
        sent = line.transport is not None and not line.transport.get_write_buffer_size()
        if sent and reply.headers.get("connection", "").lower() != "close":
            self._idle.append(line)
        return reply

    async def _line(self) -> _Protocol | None:
        while self._idle:
            line = self._idle.pop()
            if line.transport is not None:
                return line
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(_Protocol, HOST, self._port)
        except OSError:
            return None
        self._all = [line for line in self._all if line.transport is not None] + [made]
        return made

    def close(self) -> None:
        """Hang up everywhere."""
        for line in self._all:
            if line.transport is not None:
                line.transport.abort()


def asked_once(port: int, path: str, seconds: float = 5.0) -> int:
    """The status of one GET on a line of its own."""
    line = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        line.request("GET", path)
        return line.getresponse().status
    except (OSError, http.client.HTTPException):
        return BROKE_OFF
    finally:
        line.close()


def _parsed(seen: bytearray) -> Reply | None:
    """The answer, once it is whole. All that is asked here is answered with a length."""
    end = seen.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = seen[:end].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    start, length = end + 4, int(headers.get("content-length", "0"))
    if len(seen) < start + length:
        return None
    status, body = int(first.split()[1]), bytes(seen[start : start + length])
    return Reply(status=status, headers=headers, body=body)
