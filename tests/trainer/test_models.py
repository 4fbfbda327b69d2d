"""Every model in the folder keeps the network's promises."""

import math
import re
from fractions import Fraction

import onnxruntime
import pytest
import torch

from export import trace as tracing
from export.intake import Intake
from kernels.contract import Contract
from kernels.errors import UserError
from trainer import catalog, network
from trainer.backbones import hrnet, ocr, resnet

# What wants a directory besides (hf) has tests of its own.
MODELS = [
    name for name in catalog.names("models") if not hasattr(catalog.find("models", name), "WHERE")
]


@pytest.fixture(scope="module", params=MODELS)
def built(request):
    torch.manual_seed(0)
    return network.build(request.param, 5)


def pictures(count, *size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *size, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 51), (64, 96), (83, 129)])
def test_logits_cover_the_small_picture_at_any_size(built, size):
    with torch.inference_mode():
        logits = built.eval()(pictures(2, *size))
    assert logits.shape == (2, 5, *size)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 48)])
def test_with_a_sight_the_logits_cover_the_cells_at_any_size(built, size):
    stride = built.body.stride
    for sight in (s for s in (2, 4) if stride % s == 0):
        seeing = network.Network(built.body, sight).eval()
        small = pictures(2, size[0] * sight, size[1] * sight)
        with torch.inference_mode():
            logits, levels = seeing(small), seeing.encode(small)
            assert logits.shape == (2, 5, *size)
            assert seeing.decode(levels, small).equal(logits)
            scores = seeing.body(seeing._picture(small))
        padded = seeing.padded(size)
        assert tuple(scores.shape[2:]) == tuple(side * sight // stride for side in padded)


def test_a_sight_that_a_model_does_not_answer_for_is_refused():
    with pytest.raises(UserError, match="--sight 2 is not for compact, which takes 1") as caught:
        network.build("compact", 5, sight=2)
    assert "--model" in caught.value.hint


def test_every_weight_learns(built):
    heads = built.train().heads(pictures(2, 64, 64))
    sum(logits.square().mean() for logits in heads).backward()
    idle = [n for n, p in built.named_parameters() if p.grad is None or not p.grad.any()]
    built.zero_grad()
    assert idle == []


@pytest.mark.parametrize("size", [(1, 1), (40, 56)])
def test_one_picture_is_enough_to_train_on(built, size):
    heads = built.train().heads(pictures(1, *size))
    assert all(logits.isfinite().all() for logits in heads)


def test_the_first_of_the_heads_is_what_forward_gives(built):
    with torch.inference_mode():
        heads = built.eval().heads(pictures(2, 33, 51))
        assert heads[0].equal(built(pictures(2, 33, 51)))
    assert {logits.shape for logits in heads} == {(2, 5, 33, 51)}
    assert len(built.head_weights) == len(heads)
    assert built.head_weights[0] == 1


def test_decoding_what_was_encoded_is_what_forward_gives(built):
    small = pictures(2, 33, 51)
    with torch.inference_mode():
        levels = built.eval().encode(small)
        assert built.decode(levels, small).equal(built(small))
        for decoded, head in zip(
            built.decode_heads(levels, small), built.heads(small), strict=True
        ):
            assert decoded.equal(head)
    assert tuple(level.shape[1] for level in levels) == tuple(built.widths)
    sides = [level.shape[-1] for level in levels]
    assert sides == sorted(sides, reverse=True)


def test_the_groups_hold_every_weight_once(built):
    filled, fresh = built.groups()
    assert {id(p) for p in filled} | {id(p) for p in fresh} == {id(p) for p in built.parameters()}
    assert len(filled) + len(fresh) == len(list(built.parameters()))
    assert len(filled) > len(fresh)


def test_the_last_layer_is_among_the_fresh_where_there_are_any(built):
    fresh = {id(p) for p in built.groups()[1]}
    if isinstance(built.body, network.Fillable):
        # Five classes, or four logits a cell for each of them.
        last = [p for n, p in built.named_parameters() if p.ndim == 4 and len(p) in (5, 20)]
        assert last
        assert {id(p) for p in last} <= fresh
    else:
        assert not fresh


def test_a_fresh_network_has_no_favourite_class(built):
    labels = torch.randint(0, 5, (2, 64, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        heads = built.train().heads(pictures(2, 64, 64))
    losses = [torch.nn.functional.cross_entropy(logits, labels) for logits in heads]
    assert losses == pytest.approx([math.log(5)] * len(losses), abs=0.2)


def test_the_same_seed_builds_the_same_network(request, built):
    torch.manual_seed(0)
    again = dict(network.build(request.node.callspec.params["built"], 5).named_parameters())
    assert all(p.equal(again[n]) for n, p in built.named_parameters())


def test_another_seed_builds_another_network():
    weights = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        weights.append(network.build("compact", 5).body.head.weight)
    assert not weights[0].equal(weights[1])


def test_bytes_and_whole_floats_are_the_same_picture(built):
    small = pictures(1, 40, 40)
    with torch.inference_mode():
        assert built.eval()(small).equal(built(small.float()))


@pytest.mark.parametrize("name", MODELS)
def test_the_first_line_says_how_many_weights_there_are(name):
    with torch.device("meta"):
        weights = sum(p.numel() for p in network.build(name, 19).parameters())
    first_line = catalog.find("models", name).__doc__.splitlines()[0]
    assert re.search(r"([\d.]+) million weights", first_line)[1] == f"{weights / 1e6:.1f}"
    assert first_line.startswith(f"`{name}`: ")


def graphs():
    """One model of each kind: a wider or deeper one is the same graph to an exporter."""
    kinds = {}
    with torch.device("meta"):
        for name in MODELS:
            kind = frozenset(type(module) for module in network.build(name, 5).modules())
            kinds.setdefault(kind, name)
    return list(kinds.values())


@pytest.fixture
def thin(monkeypatch):
    """The same networks with every repetition done once: an exporter takes its time a layer."""
    monkeypatch.setattr(hrnet, "BLOCKS", 1)
    monkeypatch.setattr(hrnet, "MEETINGS", (1, 1, 1))
    monkeypatch.setattr(resnet, "DEPTHS", dict.fromkeys(resnet.DEPTHS, (1, 1, 1, 1)))


@pytest.mark.parametrize("name", graphs())
def test_onnx_computes_the_same(name, thin):
    built, small = network.build(name, 5).eval(), pictures(1, 33, 47).float()
    # Inside of another module its buffer `mean` cannot meet an operator's output of that name.
    inside = torch.nn.Sequential(built)
    with tracing._quiet(), torch.no_grad():
        program = torch.onnx.export(
            inside, (small,), input_names=["small"], optimize=False, verbose=False
        )
        expected = built(small).numpy()
    (logits,) = session_of(program.model_proto).run(None, {"small": small.numpy()})
    assert logits == pytest.approx(expected, abs=2e-5 * float(abs(expected).max()))


class Attentive(torch.nn.Module):
    """The least body that flattens a padded grid for attention and unfolds it again."""

    stride = 4
    multiple = 32

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, ocr.WIDTH, 3, stride=2, padding=1)
        self.second = torch.nn.Conv2d(ocr.WIDTH, ocr.WIDTH, 3, stride=2, padding=1)
        self.attention = ocr.Attention()

    def forward(self, picture):
        features = self.second(self.first(picture))
        return self.attention(features, ocr.class_looks(features, features[:, :5]))


def test_a_flattened_grid_is_exported_for_any_size(monkeypatch):
    monkeypatch.setattr(ocr, "WIDTH", 8)
    monkeypatch.setattr(ocr, "KEY_WIDTH", 4)
    built = network_of(Attentive())
    contract = Contract(
        classes=("a", "b"), palette=((0, 0, 0),) * 2, factor=Fraction(1, 2), writer="test"
    )
    session = session_of(tracing.trace(built, contract, Intake()).model)
    for size in [(1, 1), (33, 47), (64, 96)]:
        picture = built._picture(pictures(3, *size).float())
        (scores,) = session.run(None, {"picture": picture.numpy()})
        assert scores == pytest.approx(built.body(picture).detach().numpy(), abs=1e-4)


def session_of(model):
    return onnxruntime.InferenceSession(model.SerializeToString())


def test_the_default_has_a_few_million_weights():
    weights = sum(p.numel() for p in network.build("compact", 12).parameters())
    assert 1e6 < weights < 5e6


def test_the_default_is_fine_enough_for_a_reduced_picture():
    assert network.build("compact", 12).body.stride <= 2


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


def test_a_body_without_an_encoder_names_models_that_have_one():
    with pytest.raises(UserError, match="does not show its encoder") as caught:
        network_of(Coarse()).encode(pictures(1, 32, 32))
    assert "compact, deeplabv3plus-mobilenetv3" in caught.value.hint
    assert "hf" not in caught.value.hint


def test_an_unknown_model_offers_the_nearest_and_the_file_to_create():
    with pytest.raises(UserError, match="did you mean 'compact'") as caught:
        network.build("compct", 5)
    assert "trainer/models/compct.py" in caught.value.hint


def test_a_name_is_found_with_hyphens_where_its_file_has_underscores():
    assert catalog.find("models", "hrnetv2-w18").__name__ == "trainer.models.hrnetv2_w18"
    with pytest.raises(UserError, match="unknown model 'hrnetv2_w18'") as caught:
        network.build("hrnetv2_w18", 5)
    assert "did you mean 'hrnetv2-w18'" in caught.value.hint


def test_a_model_that_wants_nothing_more_refuses_it():
    with pytest.raises(UserError, match="nothing follows 'compact'"):
        network.build("compact:large", 5)
