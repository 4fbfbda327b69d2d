"""The verified ONNX artefact that another artefact is made of: as given, or of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from export import onnx_file
from export.onnx_file import OnnxFile
from kernels.errors import UserError
from trainer import talk

if TYPE_CHECKING:
    from export.options import Options


def refuse_options(source: Path, options: Options, *, but: tuple[str, ...] = ()) -> None:
    """An artefact is what it is: its own size, head and precision are taken."""
    plain = type(options)()
    for name, value in vars(options).items():
        if name not in but and value != getattr(plain, name):
            flag = "--size or --batch" if name == "intake" else f"--{name}"
            raise UserError(
                f"{flag} is for checkpoints: {source} is taken as it was exported",
                hint="leave it out, or name the checkpoint",
            )


def of(source: Path, out: Path, options: Options) -> OnnxFile:
    """What `out` is to be made of; where a checkpoint is refused, the report lies beside `out`."""
    if source.suffix.lower() == ".onnx":
        read = onnx_file.read(source)
        if not read.build.get("verify", {}).get("agrees"):
            raise UserError(f"{source}: was not verified", hint="export its checkpoint again")
        return read
    # Only a checkpoint needs torch: an ONNX artefact is taken as it is without.
    from export.build import build

    with TemporaryDirectory() as folder:
        place = Path(folder) / f"{source.stem}.onnx"
        talk.say(f"verified: {build('onnx', source, place, options, known_as=out)}")
        return onnx_file.read(place)
