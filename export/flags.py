"""The options that the commands of several targets share, as typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option(help="default: the checkpoint's name, new suffix")]
Size = Annotated[str, typer.Option(help="1024x2048, 256x512..1024x2048 or dynamic")]
Batch = Annotated[str, typer.Option(help="pictures at once: 4, 1..16 or dynamic")]
Head = Annotated[str, typer.Option(help="mask, logits (small) or mask+confidence")]
Numbers = Annotated[str, typer.Option("--precision", help="fp32, fp16, bf16 or int8")]
Data = Annotated[
    str,
    typer.Option(help="data set to verify (and calibrate) with, or none; default: the recipe's"),
]
Pictures = Annotated[int, typer.Option(help="labelled pictures to verify with, at most")]
Calibration = Annotated[int, typer.Option(help="training pictures that int8 looks at, at most")]
Accept = Annotated[bool, typer.Option("--accept", help="publish int8 though it loses more mIoU")]
