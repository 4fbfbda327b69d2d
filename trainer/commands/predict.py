"""`trainer predict`: the full-size mask of each picture, by a checkpoint or by a service."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from kernels.contract import Contract
from kernels.errors import UserError
from kernels.paint import Mask

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
# Where the key of a service is read from: in a command it would stay in the shell's history.
KEY = "SOFTRES_KEY"

Made = Iterator[Mask | UserError]


def predict(
    given: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL.ckpt PICTURE...", help="with --url: pictures alone"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="a .png for one picture, a folder for more; default: PICTURE-mask.png here"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    url: Annotated[
        str | None,
        typer.Option(help=f"ask the service there, e.g. http://127.0.0.1:8000; its key: ${KEY}"),
    ] = None,
    served: Annotated[
        str | None, typer.Option("--model", help="with --url: which of the models it serves")
    ] = None,
    whole_decode: Annotated[
        bool,
        typer.Option(
            "--whole-decode",
            help="decode JPEGs whole; by default, as in `serve`, their decoder reduces them on the "
            "way where it can: faster, for some other pixels in a thousand",
        ),
    ] = False,
) -> None:
    """Write the full-size mask of each picture as an index PNG in the classes' colours.

    A photo with an EXIF orientation is turned upright first; its mask is upright too.
    """
    from trainer import pictures as drawing

    if url is not None and whole_decode:
        raise UserError("--whole-decode is the service's to say", hint="start it with the option")
    checkpoint, pictures = _sorted(given, url, served)
    targets = _targets(pictures, out)
    if url is None:
        contract, masks = _here(checkpoint, pictures, device, reduce=not whole_decode)
    else:
        contract, masks = _there(url, served, pictures)
    failed = 0
    for target, mask in zip(targets, masks, strict=True):
        if isinstance(mask, UserError):
            # One bad picture among many does not cost the others their masks.
            failed += 1
            print(f"error: {mask}", file=sys.stderr)
            continue
        drawing.write_mask(mask, contract, target)
        print(target)
    if failed:
        raise UserError(f"{failed} of {len(pictures)} pictures have no mask")


def _sorted(given: list[Path], url: str | None, served: str | None) -> tuple[Path, list[Path]]:
    """The checkpoint and the pictures; a service has a model of its own."""
    if url is not None:
        if given[0].suffix == ".ckpt":
            raise UserError(
                f"{given[0]} and --url are two models", hint="with --url give pictures alone"
            )
        return Path(), given
    if served is not None:
        raise UserError("--model is of a service", hint="give --url too, or the checkpoint alone")
    if len(given) < 2:
        raise UserError(
            f"'{given[0]}' alone: a checkpoint and at least one picture are needed",
            hint="trainer predict model.ckpt street.jpg, or --url http://... street.jpg",
        )
    return given[0], given[1:]


def _here(
    checkpoint: Path, pictures: list[Path], device: str, *, reduce: bool
) -> tuple[Contract, Made]:
    from trainer import checkpoint as checkpoints
    from trainer import data, devices, evaluate

    loaded = checkpoints.load(checkpoint)
    network = loaded.network.to(devices.choose(device))

    def mask(picture: Path) -> Mask:
        read = data.read_for(loaded.contract, picture, reduce=reduce)
        return evaluate.predict(network, loaded.contract, read)

    return loaded.contract, map(_or_error(mask), pictures)


def _there(url: str, served: str | None, pictures: list[Path]) -> tuple[Contract, Made]:
    # By name: the trainer does not depend on the service, and here it is asked like by anyone.
    clients: Any = importlib.import_module("serve.client")
    client = clients.Client(url, key=os.environ.get(KEY), model=served)
    # First of all: what ails the service ails every picture.
    contract: Contract = client.contract()
    answers = client.segment_many(pictures)
    return contract, (
        answer if isinstance(answer, UserError) else answer.mask for answer in answers
    )


def _or_error(act: Callable[[Path], Mask]) -> Callable[[Path], Mask | UserError]:
    def tried(picture: Path) -> Mask | UserError:
        try:
            return act(picture)
        except UserError as error:
            return error

    return tried


def _targets(pictures: list[Path], out: Path | None) -> list[Path]:
    """Where each mask goes; two masks in one place, or one over its picture, is an error."""
    if out is not None and len(pictures) == 1 and out.suffix.lower() == ".png":
        targets = [out]
    elif out is not None and out.suffix.lower() in PICTURE_SUFFIXES:
        raise UserError(
            f"--out {out} is neither a .png nor a folder",
            hint="a mask is a PNG; more need a folder",
        )
    else:
        folder = out or Path()
        targets = [folder / f"{picture.stem}-mask.png" for picture in pictures]
    if len(set(targets)) < len(targets):
        raise UserError(
            "two pictures have the same name, so their masks would overwrite each other",
            hint="predict them one by one with --out",
        )
    resolved = {picture.resolve() for picture in pictures}
    if any(target.resolve() in resolved for target in targets):
        raise UserError("a mask would overwrite a picture", hint="choose another --out")
    return targets
