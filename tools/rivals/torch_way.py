"""The usual server: FastAPI, PyTorch, logits stretched to full size, argmax, Pillow's PNG.

Written as one would who wants it fast with these means: the checkpoint is loaded and tried once,
requests run in the framework's threads, in inference mode, on the picture that Pillow's box filter
reduced. `python tools/rivals/torch_way.py model.ckpt --port 8001 --threads 2`
"""

from __future__ import annotations

import argparse
import io
import os
import time
from pathlib import Path

# Before torch is imported: its threads wait as they do without our trainer.
os.environ.pop("GOMP_SPINCOUNT", None)

import numpy as np
import torch
import uvicorn
from fastapi import Body, FastAPI, Response
from PIL import Image
from torch.nn import functional as F

from trainer import checkpoint
from trainer.checkpoint import Checkpoint


def main() -> None:
    """Serve until told to stop."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("checkpoint", type=Path)
    words.add_argument("--port", type=int, default=8001)
    words.add_argument("--threads", type=int, default=2)
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    app = create_app(checkpoint.load(given.checkpoint))
    uvicorn.run(app, host="127.0.0.1", port=given.port, access_log=False, log_level="warning")


def create_app(loaded: Checkpoint) -> FastAPI:
    """The service of one checkpoint."""
    app = FastAPI()
    network, contract = loaded.network.eval(), loaded.contract
    palette = [value for colour in contract.palette for value in colour]

    def mask(image: Image.Image, took: dict[str, float]) -> Image.Image:
        with _stage(took, "shrink"):
            height, width = contract.seen_size((image.height, image.width))
            # In one pass, quicker than `resize` and closer to the mean that the network learned of.
            reduced = image.reduce((image.width // width, image.height // height))
            if reduced.size != (width, height):
                reduced = image.resize((width, height), Image.Resampling.BOX)
            small = torch.from_numpy(np.array(reduced))
        with torch.inference_mode():
            with _stage(took, "network"):
                logits = network(small[None])
            with _stage(took, "paint"):
                full = F.interpolate(logits, size=(image.height, image.width), mode="bilinear")
                classes = full.argmax(1)[0].to(torch.uint8).numpy()
        painted = Image.fromarray(classes)
        painted.putpalette(palette)
        return painted

    # What is allocated and chosen in a first call is no request's.
    mask(Image.new("RGB", (256, 128)), {})

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    # No coroutine: the framework then runs it in one of its threads.
    @app.post("/segment")
    def segment(picture: bytes = Body(media_type="image/jpeg")) -> Response:
        took: dict[str, float] = {}
        with _stage(took, "decode"):
            image = Image.open(io.BytesIO(picture)).convert("RGB")
        painted, target = mask(image, took), io.BytesIO()
        with _stage(took, "encode"):
            painted.save(target, "PNG")
        timing = ", ".join(f"{name};dur={each:.3f}" for name, each in took.items())
        return Response(
            target.getvalue(), media_type="image/png", headers={"Server-Timing": timing}
        )

    return app


class _stage:  # noqa: N801 - it reads as a block
    """Notes the milliseconds of a block."""

    def __init__(self, took: dict[str, float], name: str) -> None:
        self._took, self._name = took, name

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._took[self._name] = 1000 * (time.perf_counter() - self._begin)


if __name__ == "__main__":
    main()
