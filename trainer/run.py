"""The folder of one training run: its recipe, metrics, curves and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kernels.contract import Contract
from kernels.errors import UserError
from trainer import pictures
from trainer.data import Pair
from trainer.evaluate import predict
from trainer.network import Network
from trainer.recipe import Recipe

EXAMPLES = 4


class Run:
    """A folder named after its moment; everything in it is written as it becomes known."""

    def __init__(self, parent: Path, recipe: Recipe) -> None:
        self.folder = _fresh(parent)
        self.checkpoint = self.folder / "model.ckpt"
        self.records: list[dict[str, Any]] = []
        (self.folder / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")

    def record(self, step: int, **values: Any) -> None:
        """Add a line to metrics.jsonl."""
        self.records.append({"step": step, **values})
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(self.records[-1]) + "\n")

    def draw_curves(self) -> None:
        """Write curves.png."""
        pictures.curves(self.records, self.folder / "curves.png")

    def draw_examples(self, network: Network, contract: Contract, pairs: Sequence[Pair]) -> None:
        """Write examples.png: photo, truth and prediction, side by side."""
        rows = []
        for pair in pairs[:: max(1, len(pairs) // EXAMPLES)][:EXAMPLES]:
            sample = pair.read()
            mask = predict(network, contract, sample.picture)
            painted = (pictures.coloured(m, contract) for m in (sample.labels, mask))
            rows.append([sample.picture, *painted])
        pictures.side_by_side(rows, self.folder / "examples.png")


def _fresh(parent: Path) -> Path:
    name = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        try:
            folder = parent / f"{name}{suffix}"
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"cannot make a folder in {parent} ({error.strerror})",
                hint="choose another place with --runs",
            ) from None
    raise UserError(f"{parent}: too many runs at {name}", hint="wait a second")
