"""`serve model.onnx`: the command line of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kernels.errors import reported
from serve import settings
from serve.settings import Settings


def _default(name: str) -> Any:
    return Settings.__dataclass_fields__[name].default


def _option(name: str, text: str) -> Any:
    """An option whose default is that of the setting, so that a variable can come between."""
    default = _default(name)
    shown = False if default in (None, ()) else str(default)
    limits: dict[str, Any] = {}
    if isinstance(default, int | float):
        limits = {"min": settings.LEAST.get(name, 1 if isinstance(default, int) else 0)}
        limits |= {"max": settings.MOST[name]} if name in settings.MOST else {}
    return typer.Option(help=text, show_default=shown, **limits)


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...",
            help="Artefacts, such as model.onnx or NAME=PATH; the first answers /segment.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str | None, _option("host", "Address to listen on.")] = None,
    port: Annotated[int | None, _option("port", "Port; 0 takes a free one.")] = None,
    device: Annotated[
        str | None, _option("device", "auto, cpu or cuda: where the network runs.")
    ] = None,
    threads: Annotated[
        int | None,
        _option(
            "threads",
            "Threads of the network; all cores by default. SOFTRES_THREADS sets this and "
            "those of everything around it.",
        ),
    ] = None,
    workers: Annotated[
        int | None, _option("workers", "Pictures in work at once; one a core by default.")
    ] = None,
    queue: Annotated[
        int | None, _option("queue", "Requests that may wait; more are answered 429.")
    ] = None,
    queue_time: Annotated[
        float | None,
        _option(
            "queue_time", "Seconds in the queue; who is likely to wait longer, or did, gets 429."
        ),
    ] = None,
    deadline: Annotated[
        float | None, _option("deadline", "Seconds a request may wait and work; then 503.")
    ] = None,
    body_timeout: Annotated[
        float | None,
        _option(
            "body_timeout",
            "Seconds a body may take to arrive, then 408; who sends no whole head is left as well.",
        ),
    ] = None,
    send_timeout: Annotated[
        float | None,
        _option("send_timeout", "Seconds without a byte read of an answer; then it is cut off."),
    ] = None,
    drain: Annotated[
        float | None, _option("drain", "Seconds to finish what was accepted, once told to stop.")
    ] = None,
    max_batch: Annotated[
        int | None,
        _option("max_batch", "Pictures in one call of the network; what pays by default."),
    ] = None,
    batch_delay: Annotated[
        float | None,
        _option("batch_delay", "Milliseconds to wait for others that are on their way."),
    ] = None,
    max_pixels: Annotated[int | None, _option("max_pixels", "Larger pictures are refused.")] = None,
    max_bytes: Annotated[int | None, _option("max_bytes", "Longer bodies are refused.")] = None,
    log: Annotated[
        str | None, _option("log", "text or json: the form of the log on stderr.")
    ] = None,
    api_key_file: Annotated[
        Path | None,
        _option("api_key_file", "Keys, one a line; whoever has none of them is answered 401."),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        _option("cors_origin", "An origin whose pages may ask, such as https://page.example."),
    ] = None,
    whole_decode: Annotated[
        bool | None,
        typer.Option(
            "--whole-decode",
            help="Decode JPEGs whole. By default their decoder reduces them on the way where it "
            "can: faster, for some other pixels in a thousand.",
            show_default=False,
        ),
    ] = None,
    tile: Annotated[
        int | None,
        _option("tile", "Pictures of more than TILE x TILE logits are worked in tiles."),
    ] = None,
) -> None:
    """Answer POST /segment with the full-size mask of a picture; the routes are at /docs.

    Every option is also a variable: SOFTRES_PORT is --port. SIGHUP opens the artefacts and
    the keys anew, SIGTERM answers what was accepted and leaves.
    """
    given = locals()
    for several in ("models", "cors_origin"):
        given[several] = tuple(given[several] or ()) or None
    told = settings.read(given)
    # The web framework takes a second to load, which --help and wrong options need not wait for.
    from serve import server

    server.run(told)


def main() -> None:
    """The console script."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    with reported():
        app(prog_name="serve")


if __name__ == "__main__":
    main()
