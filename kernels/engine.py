"""The TensorRT artefact: one file that holds an engine and all that must be known before it loads.

It is a zip whose entries are stored, not packed: any tool takes the plan out (`unzip -p model.trt
plan.engine`), and a reader maps it as it lies. What makes an engine unloadable is known here,
without TensorRT, so that nobody finds out from its deserialiser.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.contract import Contract
from kernels.errors import UserError, about

PLAN, CONTRACT, BUILD, ONNX, LOG = (
    *("plan.engine", "contract.json", "build.json"),
    *("model.onnx", "build.log"),
)
MUST = (PLAN, CONTRACT, BUILD)
# The first bytes of a plan of TensorRT-RTX, as its version 1.7.1 writes them.
RTX_BEGINS = b"vtrt"
# The same content is the same file, whenever it is written.
EPOCH = (1980, 1, 1, 0, 0, 0)
# What decides whether an engine may be loaded.
DECIDING = {"flavour": str, "tensorrt": str, "architectures": list, "sha256": dict}
# RuntimeError: the zip says that it wants a password, or its JSON is nested without end.
UNREADABLE = (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError)
HINT = "export it again for this machine with `trainer export trt`"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The content of an artefact that was found sound."""

    path: Path
    contract: str  # the text, as the trainer wrote it
    build: dict[str, Any]

    def plan(self) -> bytes:
        """The serialised engine."""
        return self.read(PLAN)

    def read(self, name: str, *, most: int = -1) -> bytes:
        """One entry, or how it begins."""
        with zipfile.ZipFile(self.path) as archive:
            if name not in archive.namelist():
                raise UserError(f"{self.path}: holds no {name}", hint=HINT)
            with archive.open(name) as entry:
                return entry.read(most)


def write(path: Path, entries: Mapping[str, bytes], build: Mapping[str, Any]) -> None:
    """One file of these entries and the build facts, which gain the digest of each."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in entries.items()}
    facts = json.dumps({**build, "sha256": digests}, indent=2, sort_keys=True).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(BUILD, facts), *entries.items()]:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)


def read(path: Path) -> Engine:
    """Open an artefact; a truncated, foreign or altered one is an error."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_foreign(path, archive)
            build = _facts(path, archive)
            _check_digests(path, archive, build)
            contract = archive.read(CONTRACT).decode()
    except UNREADABLE as error:
        raise UserError(f"{path}: not an engine file, or cut short ({error})", hint=HINT) from None
    with about(path):
        Contract.from_json(contract)
    return Engine(path=path, contract=contract, build=build)


def _refuse_foreign(path: Path, archive: zipfile.ZipFile) -> None:
    """Raise for a zip that the exporter did not write, before anything in it is unpacked."""
    entries = archive.infolist()
    names = Counter(entry.filename for entry in entries)
    absent = [name for name in MUST if name not in names]
    if absent:
        raise UserError(f"{path}: a zip, but without {', '.join(absent)}", hint=HINT)
    # Readers differ in which of two they take: the digest would speak of one, a tool give another.
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UserError(f"{path}: {', '.join(twice)} is in it more than once", hint=HINT)
    # What is stored cannot be larger than the file; what is packed could be without end.
    packed = [e.filename for e in entries if e.compress_type != zipfile.ZIP_STORED]
    if packed or sum(entry.file_size for entry in entries) > path.stat().st_size:
        told = f"{', '.join(packed)} is packed" if packed else "its entries overlap"
        raise UserError(f"{path}: not written by the exporter: {told}", hint=HINT)


def _facts(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    """The build facts, those that decide about loading among them and of the right kind."""
    build = json.loads(archive.read(BUILD))
    known = build if isinstance(build, dict) else {}
    wrong = [name for name, kind in DECIDING.items() if not isinstance(known.get(name), kind)]
    if wrong or not all(type(each) is int for each in known["architectures"]):
        told = ", ".join(wrong) or "architectures"
        raise UserError(f"{path}: its build facts do not say {told}", hint=HINT)
    return known


def _check_digests(path: Path, archive: zipfile.ZipFile, build: dict[str, Any]) -> None:
    listed, present = build["sha256"], set(archive.namelist())
    for name in sorted((present | listed.keys()) - {BUILD}):
        held = hashlib.sha256(archive.read(name)).hexdigest() if name in present else ""
        if held != listed.get(name):
            raise UserError(
                f"{path}: {name} is not what was exported: its sha256 is {held or 'missing'}, "
                f"the build facts say {listed.get(name, 'nothing')}",
                hint=HINT,
            )


def refuse_unloadable(engine: Engine, *, flavour: str, version: str, architecture: int) -> None:
    """Raise, naming both sides, where this TensorRT on this GPU cannot load the engine."""
    with about(engine.path):
        _refuse_mislabelled(engine)
        _refuse_flavour(engine.build, flavour, version)
        _refuse_architecture(engine.build, architecture)


def _refuse_mislabelled(engine: Engine) -> None:
    """Whatever the build facts say: TensorRT-RTX signs its plans."""
    says = engine.build["flavour"]
    if says != "rtx" and engine.read(PLAN, most=len(RTX_BEGINS)) == RTX_BEGINS:
        raise UserError(
            f"its build facts say {says}, but its plan is one of TensorRT-RTX", hint=HINT
        )


def _refuse_flavour(build: Mapping[str, Any], flavour: str, version: str) -> None:
    made = f"{build['flavour']} {build['tensorrt']}"
    if build["flavour"] != flavour:
        raise UserError(
            f"an engine of {made}, and this machine has {flavour} {version}: neither loads the "
            "other's",
            hint=HINT,
        )
    ours, theirs = _release(version), _release(build["tensorrt"])
    # A version-compatible engine loads in its own major version, from its own minor one on.
    if build.get("version_compatible"):
        fits = ours[:1] == theirs[:1] and ours >= theirs
    else:
        fits = ours == theirs
    if not fits:
        raise UserError(f"an engine of {made}, and this machine has {flavour} {version}", hint=HINT)


def _release(version: str) -> tuple[int, ...]:
    """Major, minor and patch: what a plan is bound to."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _refuse_architecture(build: Mapping[str, Any], architecture: int) -> None:
    made = build["architectures"]
    level = build.get("hardware_compatibility", "none")
    if level == "ampere+" and architecture >= 80:
        return
    if architecture not in made:
        raise UserError(
            f"an engine for {', '.join(f'sm{each}' for each in made) or 'no architecture'}, and "
            f"this GPU is sm{architecture}",
            hint=HINT,
        )
