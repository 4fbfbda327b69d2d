"""The TensorRT artefact: one file that holds an engine and all that must be known before it loads.

It is a zip whose entries are stored, not packed: any tool takes the plan out (`unzip -p model.trt
plan.engine`), and a reader maps it as it lies. What makes an engine unloadable is known here,
without TensorRT, so that nobody finds out from its deserialiser.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
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
# The same content is the same file, whenever it is written.
EPOCH = (1980, 1, 1, 0, 0, 0)
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

    def read(self, name: str) -> bytes:
        """One entry."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(name)


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
            names = set(archive.namelist())
            absent = [name for name in MUST if name not in names]
            if absent:
                raise UserError(f"{path}: a zip, but without {', '.join(absent)}", hint=HINT)
            build = json.loads(archive.read(BUILD))
            _check_digests(path, archive, build)
            contract = archive.read(CONTRACT).decode()
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path}: not an engine file, or cut short ({error})", hint=HINT) from None
    with about(path):
        Contract.from_json(contract)
    return Engine(path=path, contract=contract, build=build)


def _check_digests(path: Path, archive: zipfile.ZipFile, build: Any) -> None:
    listed = build.get("sha256") if isinstance(build, dict) else None
    if not isinstance(listed, dict):
        raise UserError(f"{path}: its build facts do not list its entries", hint=HINT)
    for name in sorted((set(archive.namelist()) | listed.keys()) - {BUILD}):
        held = hashlib.sha256(archive.read(name)).hexdigest() if name in archive.namelist() else ""
        if held != listed.get(name):
            raise UserError(
                f"{path}: {name} is not what was exported: its sha256 is {held or 'missing'}, "
                f"the build facts say {listed.get(name, 'nothing')}",
                hint=HINT,
            )


def refuse_unloadable(engine: Engine, *, flavour: str, version: str, architecture: int) -> None:
    """Raise, naming both sides, where this TensorRT on this GPU cannot load the engine."""
    with about(engine.path):
        _refuse_flavour(engine.build, flavour, version)
        _refuse_architecture(engine.build, architecture)


def _refuse_flavour(build: Mapping[str, Any], flavour: str, version: str) -> None:
    made = f"{build.get('flavour')} {build.get('tensorrt')}"
    if build.get("flavour") != flavour:
        raise UserError(
            f"an engine of {made}, and this machine has {flavour} {version}: neither loads the "
            "other's",
            hint=HINT,
        )
    ours, theirs = _release(version), _release(str(build.get("tensorrt")))
    # A version-compatible engine loads in its own major version, from its own minor one on.
    if build.get("version_compatible"):
        fits = ours[:1] == theirs[:1] and ours >= theirs
    else:
        fits = ours == theirs
    if not fits:
        raise UserError(f"an engine of {made}, and this machine has {flavour} {version}", hint=HINT)


def _release(version: str) -> tuple[str | int, ...]:
    """Major, minor and patch: what a plan is bound to."""
    return tuple(int(part) if part.isdigit() else part for part in version.split(".")[:3])


def _refuse_architecture(build: Mapping[str, Any], architecture: int) -> None:
    made = [int(each) for each in build.get("architectures", [])]
    level = build.get("hardware_compatibility", "none")
    if level == "ampere+" and architecture >= 80:
        return
    if architecture not in made:
        raise UserError(
            f"an engine for {', '.join(f'sm{each}' for each in made) or 'no architecture'}, and "
            f"this GPU is sm{architecture}",
            hint=HINT,
        )
