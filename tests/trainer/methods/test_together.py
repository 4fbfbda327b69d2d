"""Every method in two processes that train together."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from trainer import catalog

# Loading torch takes longer than a few steps: two processes go through all methods.
PROGRAM = """
import sys
from fractions import Fraction
import torch
from trainer import data, loader, portion
from trainer.learner import Learner
from trainer.ranks import joined
from trainer.recipe import Recipe

where, place, *methods = sys.argv[1:]
half = portion.divided(data.load(f"folder:{where}"), Recipe(labelled="1/2"))
with joined("cpu") as (ranks, device):
    for method in methods:
        recipe = Recipe(method=method, factor=Fraction(1, 2), batch=4, steps=3)
        torch.manual_seed(0)
        made = Learner(recipe, half, torch.device(device), ranks=ranks)
        disguise = made.objective.disguise
        source = loader.batches(half, recipe, (32, 48), ranks=ranks, disguise=disguise)
        losses = [made.step(batch) for batch in source]
        name = method.partition(":")[0]
        torch.save({"losses": losses, **made.plain()}, f"{place}/{name}-{ranks.rank}.pt")
"""
METHODS = catalog.names("methods")
# Of their own part of a batch on the CPU, and of no meaning to what is learned together.
OF_ITS_OWN = ("running_mean", "running_var")


@pytest.fixture(scope="module")
def states(shared_folder, tmp_path_factory):
    """What each method came to, in each of both processes."""
    place = tmp_path_factory.mktemp("together")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    specs = [f"{name}:width=16" if name == "mllc" else name for name in METHODS]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(shared_folder), str(place), *specs],
            env={**os.environ, **told, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    talks = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(talks)
    return {
        name: [torch.load(place / f"{name}-{rank}.pt", weights_only=True) for rank in range(2)]
        for name in METHODS
    }


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_stay_one_model(states, name):
    one, other = states[name]
    assert one["losses"] == other["losses"]
    for part in ("weights", "method"):
        differing = [
            key
            for key, value in one[part].items()
            if not key.endswith(OF_ITS_OWN) and not value.equal(other[part][key])
        ]
        assert differing == [], part
