"""What `trainer inspect` does: examine, draw, print, and say with a number how it went."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from kernels import threads
from kernels.publish import refuse_unwritable
from trainer import talk
from trainer.doctor import sheet, tables
from trainer.doctor.report import examine

SHEET = "contact.png"


def inspect(data: str, out: Path | None, most: int | None, *, as_json: bool) -> int:
    """The exit status: 1 where there are errors."""
    if out is not None:
        refuse_unwritable(out / SHEET)
    start = time.perf_counter()
    report = examine(data, most)
    seconds = time.perf_counter() - start
    if out is not None and any(look.pixels is not None for look in report.looks):
        sheet.draw(report.looks, report.dataset, out / SHEET)
        talk.say(f"{out / SHEET} shows some of the pairs")
    if as_json:
        json.dump(report.plain() | {"seconds": round(seconds, 3)}, sys.stdout)
        sys.stdout.write("\n")
    else:
        tables.show(report)
    if report.looks:
        pairs, count = len(report.looks), threads.count()
        talk.say(f"looked at {pairs} pairs in {seconds:.1f} s ({count} threads)")
    return int(report.has_errors)
