"""The command line of the exporter: one command a target, and inspect.

In a shell, `export` alone is the shell's own builtin and never reaches this program:
type `trainer export ...`, `python -m export ...` or `env export ...`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from export import targets
from kernels.errors import UserError, reported

app = typer.Typer(
    help="Write a checkpoint as an artefact that runs alone; nothing unverified is published.\n\n"
    "A shell's own `export` hides this program: type `trainer export ...` or "
    "`python -m export ...`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _command(target: str) -> Callable[..., None]:
    def write(
        checkpoint: Annotated[Path, typer.Argument(metavar="MODEL.ckpt")],
        out: Annotated[
            Path | None, typer.Option(help="default: the checkpoint's name with the new suffix")
        ] = None,
    ) -> None:
        from export.build import build

        path = out or checkpoint.parent / f"{checkpoint.stem}{targets.find(target).SUFFIX}"
        verdict = build(target, checkpoint, path)
        typer.echo(f"verified: {verdict}", err=True)
        print(path)

    return write


for _name in targets.names():
    app.command(_name, help=f"Write MODEL.ckpt as {_name}.")(_command(_name))


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say what an artefact or a checkpoint is: contract, build facts, inputs and outputs."""
    facts = _facts(file)
    if as_json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f"{name}: {_shown(value)}")


def _facts(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    if file.suffix.lower() == ".ckpt":
        from trainer import checkpoint

        loaded = checkpoint.load(file)
        return {
            "contract": json.loads(loaded.contract.to_json()),
            "recipe": loaded.recipe.plain(),
            "steps_done": loaded.steps_done,
            "bytes": file.stat().st_size,
        }
    for name in targets.names():
        target = targets.find(name)
        if file.suffix.lower() == target.SUFFIX:
            return target.inspect(file)
    raise UserError(
        f"{file}: neither a checkpoint (.ckpt) nor an artefact ({', '.join(_suffixes())})"
    )


def _suffixes() -> list[str]:
    return [targets.find(name).SUFFIX for name in targets.names()]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"\n  {name}: {_shown(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def main() -> None:
    """The console script `export`."""
    with reported():
        app()


if __name__ == "__main__":
    main()
