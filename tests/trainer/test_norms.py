"""Batch norms whose running statistics are held."""

import pytest
import torch

from trainer import norms


def test_a_pass_is_normed_by_its_own_statistics_and_leaves_the_running_ones():
    norm = torch.nn.BatchNorm2d(2)
    pictures = 5 + 3 * torch.randn(4, 2, 6, 6)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    with norms.held(torch.nn.Sequential(norm)):
        shown = norm(pictures)
    assert shown.mean().abs() < 1e-4
    assert norm.running_mean.equal(before["running_mean"])
    assert norm.running_var.equal(before["running_var"])
    norm(pictures)
    assert not norm.running_mean.equal(before["running_mean"])


def test_an_error_in_a_pass_lets_the_statistics_move_again():
    norm = torch.nn.BatchNorm2d(2, momentum=0.3)
    with pytest.raises(ZeroDivisionError), norms.held(norm):
        1 / 0  # noqa: B018
    assert norm.momentum == 0.3
