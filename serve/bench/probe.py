"""Asks a server for its health every few milliseconds, in a process of its own, until it is told.

`python -m serve.bench.probe PORT` prints the milliseconds of every answer as JSON when its stdin is
closed; what was no 200 counts as endless.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time
from contextlib import suppress

from serve.bench.wire import HOST

EVERY = 0.05
ENDLESS = 1e9
PATIENCE = 10.0


def main() -> None:
    """Until stdin is closed."""
    port, found = int(sys.argv[1]), list[float]()
    line = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        found.append(_asked(line))
    sys.stdout.write(json.dumps(found))


def _asked(line: http.client.HTTPConnection) -> float:
    begin = time.perf_counter()
    status = 0
    with suppress(OSError, http.client.HTTPException):
        line.request("GET", "/healthz")
        answer = line.getresponse()
        answer.read()
        status = answer.status
    if status != 200:
        line.close()
        return ENDLESS
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
