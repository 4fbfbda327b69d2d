"""What a user asks of an artefact."""

from __future__ import annotations

from dataclasses import dataclass, field

from export import precisions
from export.intake import CALIBRATION, PICTURES, Intake
from export.paint_nodes import HEADS
from kernels.errors import UserError, one_of


@dataclass(frozen=True, kw_only=True)
class Options:
    """The defaults are what `trainer export onnx` does without options."""

    intake: Intake = field(default_factory=Intake)
    head: str = "mask"
    precision: str = "fp32"
    data: str = ""  # in place of the recipe's
    pictures: int = PICTURES
    calibration: int = CALIBRATION
    accept: bool = False

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise one_of("head", self.head, HEADS)
        precisions.check(self.precision)
        for name in ("pictures", "calibration"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)} is not 1 or more")
