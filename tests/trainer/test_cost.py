"""What training costs is measured at the steps, and counted without computing."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from kernels import memory
from trainer import data, network
from trainer.cost import Cost, Spent, cost
from trainer.flops import flops
from trainer.learner import Learner
from trainer.meter import Meter
from trainer.recipe import Recipe

CPU = torch.device("cpu")
needs_linux = pytest.mark.skipif(not memory.can_measure(), reason="wants Linux, which tells peaks")


@needs_linux
def test_a_step_is_charged_with_what_it_frees_and_what_stays_and_not_with_what_is_between(
    shared_folder,
):
    spec = f"folder:{shared_folder}"
    learner = Learner(Recipe(data=spec), data.load(spec), CPU)
    weights = sum(tensor.nbytes for tensor in learner.network.state_dict().values())
    meter, spent = Meter(learner), learner.spent
    for _ in range(3):
        with meter.step():
            torch.ones(10_000_000).sum()
        torch.ones(50_000_000).sum()
        meter.settle()
    meter.look()
    assert 10e6 < weights < 15e6
    assert 39e6 + weights < spent.memory < 60e6 + weights
    assert spent.whole > 200e6


def test_where_memory_cannot_be_measured_a_run_goes_on_without(fit_tiny, monkeypatch):
    monkeypatch.setattr(memory, "FORGET", Path("/nowhere/clear_refs"))
    told = fit_tiny(steps=1)[0].cost
    assert told.memory is told.whole_memory is None
    assert told.seconds > 0


# One whose convolutions all look at all channels, and one with depthwise ones.
@pytest.mark.parametrize("model", ["compact", "lite0"])
def test_a_quarter_of_the_sides_is_a_sixteenth_of_the_arithmetic(model):
    built = network.build(model, 3)
    whole = flops(built, Fraction(1), (128, 256), (256, 512))
    quarter = flops(built, Fraction(1, 4), (32, 64), (256, 512))
    assert whole[0] == pytest.approx(16 * quarter[0], rel=0.02)
    assert whole[1] == pytest.approx(16 * quarter[1], rel=0.02)
    # There and back is about three times there.
    assert 2.5 < whole[0] / (whole[1] / 4) < 3.1


def test_arithmetic_is_that_of_what_the_network_sees():
    body = network.build("lite0-strided", 3).body
    plain, sharp = network.Network(body, 1), network.Network(body, 2)
    stretched = flops(plain, Fraction(1, 2), (64, 128), (256, 512))
    # The same pixels are seen; to stretch logits is no convolution.
    assert flops(sharp, Fraction(1, 4), (32, 64), (256, 512)) == stretched


def test_a_model_that_looks_at_content_is_not_counted(capsys):
    class Curious(torch.nn.Module):
        stride = multiple = 1

        def forward(self, picture):
            return picture * picture.max().item()

    assert flops(network.Network(Curious()), Fraction(1), (32, 32), (32, 32)) == (None, None)
    assert "operations not counted" in capsys.readouterr().err


def test_what_nobody_measured_is_null():
    told = cost(Spent(), 8, CPU, (None, None)).plain()
    assert told["memory"] is told["picture_seconds"] is told["crop_flops"] is None


def test_a_run_says_what_it_cost(fit_tiny):
    outcome, _ = fit_tiny(steps=3)
    last = json.loads(outcome.run.metrics.read_text().splitlines()[-1])
    told = Cost(**last["cost"])
    assert told == outcome.cost
    assert told.device == "cpu"
    assert 0 < told.picture_seconds < told.seconds
    assert told.crop_flops > told.picture_flops > 1e6
    if memory.can_measure():
        assert 0 < told.memory < told.whole_memory
