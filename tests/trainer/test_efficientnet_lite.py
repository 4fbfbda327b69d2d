"""The backbone of `lite0` is the public one with a stem that leaves small pictures as they are."""

import pytest
import torch

from trainer import network, public_weights, weights
from trainer.backbones.efficientnet_lite import EfficientNetLite0, Padded
from trainer.models import lite0


@pytest.fixture(scope="module", params=["lite0", "lite0-strided"])
def filled(request):
    """What became of the public file, and the network that it filled."""
    torch.manual_seed(0)
    made = network.build(request.param, 5).eval()
    return weights.fill(made, public_weights.chosen("auto", request.param)), made


def test_the_public_file_fills_all_but_the_decoder(filled):
    matched, _ = filled
    assert matched.misshapen == ()
    assert {name.partition(".")[0] for name in matched.missing} == set(lite0.Lite0.fresh)


def test_nothing_of_the_public_file_is_left_over_but_its_classifier(filled):
    matched, _ = filled
    assert matched.left_over == 0
    assert {name.partition(".")[0] for name in matched.unused} == set(lite0.Lite0.aside)
    assert not any("note:" in line for line in matched.told())


def test_the_weights_fit_the_places_they_were_learned_for(filled):
    """Channels that meet the wrong statistics run away: these stay near those of training."""
    _, made = filled
    seen = {}
    for name, module in made.body.backbone.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, given, _, name=name: seen.update({name: (module, given[0])})
            )
    # Smooth colours, as photos have; noise is nothing that was ever learned from.
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    photo = torch.nn.functional.interpolate(coarse, size=(96, 128), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        made((255 * photo).permute(0, 2, 3, 1))
    assert len(seen) == sum(
        isinstance(m, torch.nn.BatchNorm2d) for m in made.body.backbone.modules()
    )
    for name, (module, given) in seen.items():
        ratio = given.var((0, 2, 3)).mean() / module.running_var.mean()
        assert 0.05 < ratio < 20, name


def test_the_levels_halve_from_the_whole_picture_on():
    backbone = EfficientNetLite0(stem_stride=1)
    levels = backbone(torch.zeros(1, 3, 64, 96))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (16, 64, 96),
        (24, 32, 48),
        (40, 16, 24),
        (112, 8, 12),
        (320, 4, 6),
    ]
    assert backbone.widths == (16, 24, 40, 112, 320)


def test_the_published_stem_sees_the_picture_twice_as_fine_for_the_same_sizes():
    fine, plain = (
        network.build(name, 5).eval().body.encode(torch.zeros(1, 3, *size))
        for name, size in (("lite0-strided", (128, 192)), ("lite0", (64, 96)))
    )
    assert [level.shape for level in fine] == [level.shape for level in plain]


@pytest.mark.parametrize(("kernel", "first"), [(3, 0), (5, -1)])
def test_what_is_halved_is_padded_after_its_end_first(kernel, first):
    convolution = Padded(1, 1, kernel, stride=2)
    torch.nn.init.ones_(convolution.weight)
    ramp = torch.arange(1.0, 9).expand(1, 1, 8, 8)
    seen = convolution(ramp)[0, 0]
    assert seen.shape == (4, 4)
    # A window of the middle rows, from the column `first` on; what is outside is zero.
    row = [0.0, *range(1, 9), 0.0, 0.0]
    sums = [sum(row[2 * i + first + 1 : 2 * i + first + 1 + kernel]) for i in range(4)]
    assert seen[1].tolist() == [kernel * one for one in sums]
