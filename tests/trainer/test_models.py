"""Every model in the folder keeps the network's promises."""

import pytest
import torch

from kernels.errors import UserError
from trainer import catalog, network

MODELS = catalog.names("models")


@pytest.fixture(scope="module", params=MODELS)
def built(request):
    torch.manual_seed(0)
    return network.build(request.param, 5)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 51), (64, 96), (83, 129)])
def test_logits_cover_the_small_picture_at_any_size(built, size):
    small = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        logits = built.eval()(small)
    assert logits.shape == (2, 5, *size)
    assert logits.dtype == torch.float32


def test_every_weight_learns(built):
    small = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    built.train()(small).square().mean().backward()
    idle = [n for n, p in built.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_logits_are_fine_enough_for_a_reduced_picture(built):
    assert built.body.stride <= 2


def test_bytes_and_whole_floats_are_the_same_picture(built):
    small = torch.randint(0, 256, (1, 40, 40, 3), dtype=torch.uint8)
    with torch.inference_mode():
        assert built.eval()(small).equal(built(small.float()))


def test_the_default_has_a_few_million_weights():
    weights = sum(p.numel() for p in network.build("compact", 12).parameters())
    assert 1e6 < weights < 5e6


class Coarse(torch.nn.Module):
    """A body of stride 2 that says how bright each of its cells is."""

    stride = 2
    multiple = 2

    def forward(self, picture):
        return torch.nn.functional.avg_pool2d(picture[:, :2], 2)


@pytest.mark.parametrize("size", [(32, 32), (33, 33), (31, 45)])
def test_a_coarser_body_speaks_of_the_pixels_where_they_are(size):
    ramp = torch.arange(size[0]).repeat(size[1], 1).T.float()
    small = ramp[None, ..., None].repeat(1, 1, 1, 3)
    network = network_of(Coarse())
    logits = network(small)[0, 0] * network.spread[0, 0] + network.mean[0, 0]
    assert logits.shape == size
    # The ramp comes back as itself wherever the border does not blur it.
    assert torch.allclose(logits[2:-3, 2:-3], ramp[2:-3, 2:-3], atol=1e-3)


def network_of(body):
    return network.Network(body).eval()


def test_an_unknown_model_offers_the_nearest_and_the_file_to_create():
    with pytest.raises(UserError, match="did you mean 'compact'") as caught:
        network.build("compct", 5)
    assert "trainer/models/compct.py" in caught.value.hint
