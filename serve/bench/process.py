"""A server as a child process: started, halted while others are measured, stopped, its memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kernels import memory
from kernels.errors import UserError
from serve.bench.wire import HOST, asked_once

PATIENCE = 120.0  # seconds to get ready, and to stop
PROC = Path("/proc")


class Server:
    """One running server; its processes are all those of its session."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.port = _free_port()
        self.log = log
        words = [word.replace("{port}", str(self.port)) for word in command]
        with log.open("w") as talk:
            try:
                self.process = subprocess.Popen(
                    words, stdout=talk, stderr=talk, start_new_session=True
                )
            except OSError as error:
                raise UserError(f"{words[0]} cannot be started ({error.strerror})") from None

    def wait_ready(self) -> None:
        """Until GET /healthz is answered 200; an error with its last words where it ends before."""
        deadline = time.monotonic() + PATIENCE
        while asked_once(self.port, "/healthz") != 200:
            if self.process.poll() is not None:
                raise UserError(self.last_words())
            if time.monotonic() > deadline:
                raise UserError(f"not ready within {PATIENCE:g} s: {self.last_words()}")
            time.sleep(0.05)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """It runs as long as the block lasts: what waits for work takes time from others, too."""
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)

    def signal(self, number: signal.Signals) -> None:
        """To all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def resident(self, which: str = memory.NOW) -> int:
        """Bytes of all its processes; what they share is counted for each."""
        return sum(_resident(pid, which) for pid in _session(self.process.pid))

    def processor(self) -> float:
        """Seconds of the cores that all its processes have taken so far."""
        return sum(_processor(pid) for pid in _session(self.process.pid))

    def stop(self) -> int:
        """Asks it to leave, and makes it; its exit code."""
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.signal(signal.SIGKILL)
        return self.process.wait()

    def last_words(self) -> str:
        """The line that says most: that of our errors, or the last one."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in lines if line.strip()]
        errors = [line.removeprefix("error: ") for line in told if line.startswith("error: ")]
        return (errors or told or ["it does not say why"])[-1]


@contextmanager
def running(name: str, command: Sequence[str], folder: Path) -> Iterator[Server]:
    """A server that is ready, and gone after the block."""
    server = Server(name, command, folder / f"{name}.log")
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])


def _session(leader: int) -> Iterator[int]:
    """The processes whose session is that of `leader`."""
    for folder in PROC.iterdir():
        if folder.name.isdecimal() and _stat(int(folder.name))[3:4] == [str(leader)]:
            yield int(folder.name)


def _stat(pid: int) -> list[str]:
    """What Linux tells of a process after its name, which may hold anything; nothing of a gone."""
    with suppress(OSError):
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


def _processor(pid: int) -> float:
    told = _stat(pid)
    return sum(map(int, told[11:13])) / os.sysconf("SC_CLK_TCK") if told else 0.0


def _resident(pid: int, which: str) -> int:
    with suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text(errors="replace").splitlines():
            if line.startswith(f"{which}:"):
                return 1024 * int(line.split()[1])
    return 0
