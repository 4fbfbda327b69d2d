"""What the doctor finds: how bad it is, what it is, in which files, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# An error stops training or makes its score a lie; a warning may spoil the result.
ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file, and what is the matter in it."""

    path: Path
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault, in however many places."""

    severity: str
    what: str
    places: tuple[Place, ...] = ()
    hint: str

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        files = [{"path": str(p.path), "detail": p.detail} for p in self.places]
        return {"severity": self.severity, "what": self.what, "files": files, "hint": self.hint}


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first, and each fault once with all of its places."""
    together: dict[tuple[str, str, str], Finding] = {}
    for found in findings:
        key = (found.severity, found.what, found.hint)
        places = together[key].places if key in together else ()
        together[key] = replace(found, places=places + found.places)
    return tuple(sorted(together.values(), key=lambda found: SEVERITIES.index(found.severity)))
