"""The folder of a served model: a numbered version is added whole or not at all, none replaced.

What is being written lies beside the repository, never in it: Triton takes every folder of a
repository for a model, hidden ones too, and by default does not start where one cannot be loaded.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernels.errors import UserError
from kernels.publish import HINT, refuse_unwritable

CONFIG, CONTRACT, LABELS, BUILD = "config.pbtxt", "contract.json", "labels.txt", "build.json"
OTHER = "choose another --name, or another place with --out"


def versions(folder: Path) -> list[int]:
    """The numbers there are; like Triton, blind to every other name."""
    if not folder.is_dir():
        return []
    numbered = (each for each in folder.iterdir() if re.fullmatch("[1-9][0-9]*", each.name))
    return sorted(int(each.name) for each in numbered)


def refuse_place(folder: Path, version: int | None) -> None:
    """Raise before the work what would be found after it."""
    repository = folder.resolve().parent
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not _is_ours(folder))
    ):
        raise UserError(f"{folder}: is there, and no model that this program wrote", hint=OTHER)
    if version is not None and not 1 <= version < 2**31:
        raise UserError(f"--version {version} is not a version", hint="write 1 or more")
    if version in versions(folder):
        raise UserError(
            f"{folder}: version {version} is there, and versions are never replaced",
            hint="leave --version out to add the next one",
        )
    if repository.exists() and not repository.is_dir():
        raise UserError(f"{repository}: is there, and no folder", hint=HINT)
    if repository.is_mount():
        raise UserError(
            f"{repository} is where a file system begins: nothing can be prepared beside it",
            hint=f"choose a folder in it: --out {repository / 'models'}",
        )
    refuse_unwritable(_beside(repository))
    # A trial would leave its file where Triton looks for models, if it were killed.
    for place in (repository, folder):
        if place.exists() and not os.access(place, os.W_OK | os.X_OK):
            raise UserError(f"{place} cannot be written to", hint=HINT)


def _is_ours(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and bool(versions(folder))


def read(folder: Path, version: int) -> dict[str, Any]:
    """The build.json of a version."""
    place = folder / str(version) / BUILD
    try:
        plain = json.loads(place.read_text(encoding="utf-8"))
        return {"model": plain["model"], "build": plain["build"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{place}: not what this program writes ({error})", hint=OTHER) from None


def refuse_other(folder: Path, model: Mapping[str, Any]) -> None:
    """Raise where clients of the newest version could not tell `model` what they tell that one."""
    there = versions(folder)
    held = read(folder, there[-1])["model"] if there else model
    for name, ours in model.items():
        if held.get(name) != ours:
            raise UserError(
                f"{folder}: cannot be a version of this model, its {name} differs: "
                f"{held.get(name)} in version {there[-1]}, now {ours}",
                hint=OTHER,
            )


def publish(
    folder: Path, version: int, shared: Mapping[str, bytes], own: Mapping[str, bytes]
) -> Path:
    """Add a version; with the first one comes what all versions share."""
    staged = _beside(folder.resolve().parent)
    first = not versions(folder)
    place = folder if first else folder / str(version)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged.mkdir()
        if first:
            _write(staged, shared)
            (staged / str(version)).mkdir()
        _write(staged / str(version) if first else staged, own)
        # Fails where another process was faster: only an empty folder gives way.
        staged.rename(place)
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror or error}", hint=HINT) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder / str(version)


def _beside(repository: Path) -> Path:
    return repository.parent / f".{repository.name}.{secrets.token_hex(6)}"


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        with (folder / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
