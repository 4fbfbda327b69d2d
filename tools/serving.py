"""`python -m serve.bench` beside the usual server and LitServe, all of one checkpoint.

`python tools/serving.py --checkpoint model.ckpt --model model.onnx`: the pictures are
scenes of the data set `streets` as JPEG, 1024x2048, and what follows `--` goes to serve.bench.
LitServe is in the dependency group `bench`; where it is not installed, it is told as not run.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from trainer import streets
from trainer.datasets.streets import BLOCKS

RIVALS = Path(__file__).parent / "rivals"
LEAST = {"torch": 5, "litserve": 2}
SIZE = (1024, 2048)
QUALITY = 90


def main() -> None:
    """Run it, and leave with its code."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--checkpoint", type=Path, required=True)
    words.add_argument("--model", type=Path, required=True, help="the artefact of the checkpoint")
    words.add_argument("--pictures", type=int, default=4, help="street scenes to draw and send")
    words.add_argument("--threads", type=int, default=2, help="of each rival's network")
    words.add_argument("rest", nargs="*", help="after --: options of serve.bench")
    given = words.parse_args()
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "serve.bench", str(given.model), *given.rest]
        for place in drawn(given.pictures, Path(folder)):
            command += ["--picture", str(place)]
        for name, file in (("torch", given.checkpoint), ("litserve", given.model)):
            program = [sys.executable, str(RIVALS / f"{name}_way.py"), str(file)]
            program += ["--threads", str(given.threads), "--port", "{port}"]
            command += ["--rival", f"{name}={shlex.join(program)}"]
            command += ["--at-least", f"{name}={LEAST[name]}"]
        raise SystemExit(subprocess.run(command).returncode)


def drawn(count: int, folder: Path) -> list[Path]:
    """Scenes of the test split's seeds as JPEG files."""
    first = BLOCKS["test"].first
    places = [folder / f"{index}.jpg" for index in range(count)]
    for index, place in enumerate(places):
        picture, _ = streets.render(first + index, SIZE)
        Image.fromarray(picture).save(place, quality=QUALITY)
    return places


if __name__ == "__main__":
    main()
