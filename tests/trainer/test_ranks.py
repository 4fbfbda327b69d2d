"""Two processes that train together come to what one comes to."""

import json
import os
import socket
import subprocess
import sys
from fractions import Fraction

import pytest
import torch

from kernels.errors import UserError
from trainer import checkpoint, data
from trainer.backbones import layers
from trainer.fit import fit
from trainer.ranks import Ranks
from trainer.recipe import Recipe

# Two processes with half of a batch each have batch statistics of their own on the CPU: the same
# model without any can be held against one process.
PROGRAM = """
from torch import nn
from trainer.backbones import layers
layers.BatchNorm = lambda width: nn.GroupNorm(8, width)
from trainer.__main__ import main
main()
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def begun(*words, cwd, rank, port, program):
    """The program as torchrun would start it, as one of two."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": port}
    environment = {name: str(value) for name, value in told.items()}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "MASTER_ADDR": "127.0.0.1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(*words, cwd, program=PROGRAM):
    port = free_port()
    processes = [begun(*words, cwd=cwd, rank=rank, port=port, program=program) for rank in range(2)]
    return [(*process.communicate(timeout=180), process.returncode) for process in processes]


def test_two_processes_learn_what_one_learns(shared_folder, tmp_path, monkeypatch):
    words = ("fit", "--data", f"folder:{shared_folder}", "--factor", "1/2", "--batch", 5, "--json")
    words = (
        *words,
        "--recipe",
        "streets",
        "--steps",
        4,
        "--optimiser",
        "sgd",
        "--learning-rate",
        0.05,
        "--device",
        "cpu",
    )
    (said, talk, code), (silence, no_talk, other_code) = together(*words, cwd=tmp_path)
    assert (code, other_code) == (0, 0), talk + no_talk
    assert silence == ""
    assert "step 4" in talk
    assert "step 4" not in no_talk
    monkeypatch.setattr(layers, "BatchNorm", lambda width: torch.nn.GroupNorm(8, width))
    recipe = Recipe(
        data=f"folder:{shared_folder}",
        factor=Fraction(1, 2),
        batch=5,
        steps=4,
        optimiser="sgd",
        learning_rate=0.05,
    )
    alone = fit(
        recipe,
        data.load(recipe.data),
        out=tmp_path / "alone.ckpt",
        runs=tmp_path / "alone",
        device="cpu",
    )
    (run,) = (tmp_path / "runs").iterdir()
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert json.loads(said)["miou"] == pytest.approx(alone.score.mean_iou, abs=0.01)
    for one, two in zip(alone.run.records, logged, strict=True):
        assert one["step"] == two["step"]
        assert one.get("loss", 0) == pytest.approx(two.get("loss", 0), rel=1e-4)
    weights = checkpoint.load(tmp_path / "model.ckpt").network.state_dict()
    for name, weight in alone.checkpoint.network.state_dict().items():
        assert torch.allclose(weight, weights[name], atol=1e-5), name


# The second of them dies in the middle of its work.
DYING = """
import os, torch
from kernels.errors import reported
from trainer.ranks import joined
with reported(), joined("cpu") as (ranks, _):
    assert ranks.sum(torch.ones(1)) == 2
    if ranks.rank == 1:
        os._exit(9)
    ranks.sum(torch.ones(1))
"""


def test_an_error_of_one_process_ends_the_other(tmp_path):
    (_, talk, code), (_, _, dead) = together(cwd=tmp_path, program=DYING)
    assert (code, dead) == (2, 9)
    assert "process 0 of 2 lost the others" in talk
    assert "Traceback" not in talk


def test_parts_and_shares_of_all_processes_are_the_whole():
    all_ranks = [Ranks(rank=rank, count=3) for rank in range(3)]
    assert [place for ranks in all_ranks for place in ranks.part(8)] == list(range(8))
    shares = [item for ranks in all_ranks for item in ranks.share(range(8))]
    assert sorted(shares) == list(range(8))


def test_a_batch_that_leaves_a_process_without_a_picture_is_refused():
    with pytest.raises(UserError, match="too small for 4 processes with --accumulate 3") as caught:
        Ranks(count=4).refuse_too_many(Recipe(batch=11, accumulate=3))
    assert "--batch 12" in caught.value.hint
    Ranks(count=4).refuse_too_many(Recipe(batch=12, accumulate=3))
