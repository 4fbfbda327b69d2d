"""Models of transformers: from a directory, and from a checkpoint without it."""

import json

import numpy as np
import pytest
import torch

from kernels.contract import Contract
from kernels.errors import EXTRAS, UserError
from trainer import catalog, checkpoint, network, weights
from trainer.commands.compare import _refuse_sight
from trainer.recipe import Recipe

transformers = pytest.importorskip("transformers", reason="wants the extra 'hf'")

SMALL = {
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 16, 24, 32],
    "num_attention_heads": [1, 1, 2, 2],
    "mlp_ratios": [2, 2, 2, 2],
    "decoder_hidden_size": 16,
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A directory with a config.json and no weights."""
    folder = tmp_path_factory.mktemp("bare")
    plain = {"model_type": "segformer", **SMALL}
    (folder / "config.json").write_text(json.dumps(plain), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A directory with the weights of a model of nineteen classes."""
    folder = tmp_path_factory.mktemp("filled")
    torch.manual_seed(7)
    config = transformers.SegformerConfig(num_labels=19, **SMALL)
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(folder)
    return folder


def pictures(count, height, width):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator)


def test_a_config_alone_gives_a_fresh_model_of_our_classes(bare):
    built = network.build(f"hf:{bare}", 5)
    with torch.inference_mode():
        logits = built.eval()(pictures(2, 33, 51))
    assert logits.shape == (2, 5, 33, 51)
    assert (built.body.stride, built.head_weights) == (4, (1.0,))


def test_every_weight_learns_and_is_in_one_group(bare):
    built = network.build(f"hf:{bare}", 5).train()
    built.heads(pictures(2, 64, 64))[0].square().mean().backward()
    assert [n for n, p in built.named_parameters() if p.grad is None or not p.grad.any()] == []
    seeing, fresh = built.groups()
    assert {id(p) for p in fresh} == {id(p) for p in built.body.model.decode_head.parameters()}
    assert len(seeing) + len(fresh) == len(list(built.parameters()))


def test_the_same_seed_builds_the_same_model(bare):
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(network.build(f"hf:{bare}", 5).state_dict())
    assert all(value.equal(states[1][name]) for name, value in states[0].items())
    assert not all(value.equal(states[2][name]) for name, value in states[0].items())


def test_weights_of_a_directory_are_taken_but_for_another_number_of_classes(filled, capsys):
    built = network.build(f"hf:{filled}", 5)
    public = transformers.SegformerForSemanticSegmentation.from_pretrained(filled).state_dict()
    ours = built.body.model.state_dict()
    other = {name for name, value in public.items() if value.shape != ours[name].shape}
    assert other == {"decode_head.classifier.weight", "decode_head.classifier.bias"}
    assert all(value.equal(ours[name]) for name, value in public.items() if name not in other)
    assert "fresh weights for decode_head.classifier.bias" in capsys.readouterr().err


def test_a_checkpoint_needs_the_directory_no_more(bare, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes((bare / "config.json").read_bytes())
    built = network.build(f"hf:{folder}", 3).eval()
    contract = Contract(
        classes=("a", "b", "c"),
        palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
        factor=Recipe.factor,
        ignore=255,
        writer="test",
    )
    made = checkpoint.Checkpoint(
        network=built, contract=contract, recipe=Recipe(model=f"hf:{folder}"), steps_done=1
    )
    checkpoint.save(made, tmp_path / "model.ckpt")
    (folder / "config.json").unlink()
    folder.rmdir()
    loaded = checkpoint.load(tmp_path / "model.ckpt")
    small = pictures(1, 33, 47)
    with torch.inference_mode():
        assert loaded.network(small).equal(built(small))
    assert loaded.network.config == built.config
    assert str(folder) not in built.config


def test_a_weights_file_fills_such_a_model(filled, bare, tmp_path):
    public = transformers.SegformerForSemanticSegmentation.from_pretrained(filled)
    torch.save(public.state_dict(), tmp_path / "public.bin")
    matched = weights.fill(network.build(f"hf:{bare}", 19), tmp_path / "public.bin")
    assert matched.missing == matched.misshapen == matched.unused == ()


def test_the_colours_a_model_knows_are_the_ones_it_is_fed(bare, tmp_path):
    (tmp_path / "config.json").write_bytes((bare / "config.json").read_bytes())
    settings = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.25, 0.5, 1.0]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    fed = seen_by(network.build(f"hf:{tmp_path}", 5), pictures(1, 32, 32))
    expected = pictures(1, 32, 32).numpy()[0] / 255
    expected = (expected - settings["image_mean"]) / settings["image_std"]
    assert np.allclose(fed[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_blue_may_come_first(bare, tmp_path):
    (tmp_path / "config.json").write_bytes((bare / "config.json").read_bytes())
    settings = {"do_normalize": False, "do_flip_channel_order": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    fed = seen_by(network.build(f"hf:{tmp_path}", 5), pictures(1, 32, 32))
    expected = pictures(1, 32, 32).numpy()[0, :, :, ::-1] / 255
    assert np.allclose(fed[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def seen_by(built, small):
    """What reaches the model inside."""
    seen = []
    built.body.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        built.eval()(small)
    return seen[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no model to be had there"),
        ("{", "no model to be had there"),
        ('{"model_type": "nonsense"}', "no model to be had there"),
        ('{"model_type": "bert"}', "is no semantic-segmentation model"),
    ],
)
def test_a_directory_without_such_a_model_is_told(content, says, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        network.build(f"hf:{tmp_path}", 5)


def test_its_sight_is_checked_before_anything_is_compared(bare, filled):
    for folder in (bare, filled):
        _refuse_sight(Recipe(model=f"hf:{folder}", sight=4))
        with pytest.raises(UserError, match=r"--sight 3 is not for hf:.*, which takes 1, 2, 4"):
            _refuse_sight(Recipe(model=f"hf:{folder}", sight=3))


def test_a_name_that_is_not_in_the_cache_is_told():
    with pytest.raises(UserError, match="no model to be had there") as caught:
        network.build("hf:nobody/nothing-of-this-name", 5)
    assert "hf download nobody/nothing-of-this-name" in caught.value.hint


def test_the_model_wants_a_place():
    for name in ("hf", "hf:"):
        with pytest.raises(UserError, match="model 'hf' wants a directory"):
            network.build(name, 5)
    assert catalog.find("models", "hf:anywhere") is catalog.find("models", "hf")


def test_the_extra_that_brings_it_is_named():
    assert EXTRAS["transformers"] == EXTRAS["safetensors"] == "hf"
