"""`serve model.onnx`: the command line of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernels.errors import reported
from kernels.picture import MOST_PIXELS
from serve.settings import MOST_BYTES, Settings


def serve(
    model: Annotated[Path, typer.Argument(help="The artefact, such as model.onnx.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Larger pictures are refused.")
    ] = MOST_PIXELS,
    max_bytes: Annotated[int, typer.Option(min=1, help="Longer bodies are refused.")] = MOST_BYTES,
    reduced_decode: Annotated[
        bool,
        typer.Option(
            "--reduced-decode",
            help="Let the JPEG decoder reduce pictures where it can: faster, but some pixels in a "
            "thousand change.",
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads of the network; all cores by default. SOFTRES_THREADS sets this and "
            "those of everything around it.",
        ),
    ] = None,
) -> None:
    """Answer POST /segment with the full-size mask of a picture; the routes are at /docs."""
    # The web framework takes a second to load, which --help and wrong options need not wait for.
    from serve import server

    server.run(
        Settings(
            model=model,
            host=host,
            port=port,
            max_pixels=max_pixels,
            max_bytes=max_bytes,
            reduced_decode=reduced_decode,
            threads=threads,
        )
    )


def main() -> None:
    """The console script."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    with reported():
        app(prog_name="serve")


if __name__ == "__main__":
    main()
