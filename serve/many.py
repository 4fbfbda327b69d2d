"""One answer of several: a JSON array of JSON answers, or a zip of one file a picture."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from serve import encode

ZIP, JSON = "application/zip", "application/json"
# What is safe in a file's name everywhere; letters of every script are.
UNSAFE = re.compile(r"[^\w.-]+")
LONGEST = 100  # bytes


def bundle(names: Sequence[str], bodies: Sequence[bytes], media_type: str) -> tuple[bytes, str]:
    """The answers to pictures of these names in their order, and the type of the whole."""
    if media_type == JSON or media_type.endswith("+json"):
        return b"[" + b",\n".join(bodies) + b"]\n", JSON
    return _zipped(entries(names, encode.suffix(media_type)), bodies), ZIP


def entries(names: Sequence[str], suffix: str) -> list[str]:
    """A file name of its own for each uploaded name, which never leads anywhere."""
    taken: set[str] = set()
    return [_entry(name, suffix, taken) for name in names]


def total(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The milliseconds of all pictures, stage by stage."""
    stages = dict.fromkeys(stage for one in each for stage in one)
    return {stage: sum(one.get(stage, 0.0) for one in each) for stage in stages}


def _entry(name: str, suffix: str, taken: set[str]) -> str:
    last = PurePosixPath(name.replace("\\", "/")).name
    safe = UNSAFE.sub("_", PurePosixPath(last).stem).strip("._-")
    # Letters may take four bytes, and file systems count these.
    stem = safe.encode()[:LONGEST].decode(errors="ignore") or "picture"
    free, count = stem, 1
    # Names that differ by case alone are one file on some systems.
    while free.casefold() in taken:
        count += 1
        free = f"{stem}-{count}"
    taken.add(free.casefold())
    return free + suffix


def _zipped(files: Sequence[str], bodies: Sequence[bytes]) -> bytes:
    """Stored, not packed: every format is packed in itself."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file, body in zip(files, bodies, strict=True):
            # An entry that says no moment is dated 1980: the same answers are the same bytes.
            archive.writestr(zipfile.ZipInfo(file), body)
    return target.getvalue()
