"""Public checkpoints fit by name and shape; what does not fit is told."""

from math import prod

import pytest
import torch

from kernels.errors import UserError
from trainer import network, weights

HEAD_WIDTHS = (32, 64, 128, 256)


def conv(name, inputs, outputs, kernel=1, *, bias=False, groups=1):
    shapes = {f"{name}.weight": (outputs, inputs // groups, kernel, kernel)}
    return shapes | ({f"{name}.bias": (outputs,)} if bias else {})


def norm(name, width):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{part}": (width,) for part in parts}, f"{name}.num_batches_tracked": ()}


def linear(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def pair(name, inputs, outputs, kernel=1, **more):
    """A convolution and its batch norm, as a Sequential numbers them."""
    return conv(f"{name}.0", inputs, outputs, kernel, **more) | norm(f"{name}.1", outputs)


def bottleneck(name, inputs, width):
    shapes = conv(f"{name}.conv1", inputs, width) | norm(f"{name}.bn1", width)
    shapes |= conv(f"{name}.conv2", width, width, 3) | norm(f"{name}.bn2", width)
    shapes |= conv(f"{name}.conv3", width, 4 * width) | norm(f"{name}.bn3", 4 * width)
    changed = inputs != 4 * width
    return shapes | (pair(f"{name}.downsample", inputs, 4 * width) if changed else {})


def resnet(*depths):
    """Names and shapes of torchvision's file."""
    shapes = conv("conv1", 3, 64, 7) | norm("bn1", 64) | linear("fc", 2048, 1000)
    inputs = 64
    for stage, depth in enumerate(depths):
        for block in range(depth):
            width = 64 * 2**stage
            shapes |= bottleneck(f"layer{stage + 1}.{block}", inputs, width)
            inputs = 4 * width
    return shapes


def mobilenet():
    """Names and shapes of torchvision's mobilenet_v3_large."""
    kernels = (3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5)
    inner = (16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960)
    outer = (16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160)
    squeezed = {3: 24, 4: 32, 5: 32, 10: 120, 11: 168, 12: 168, 13: 240, 14: 240}
    shapes = pair("features.0", 3, 16, 3) | pair("features.16", 160, 960)
    shapes |= linear("classifier.0", 960, 1280) | linear("classifier.3", 1280, 1000)
    for i, (kernel, wide, narrow) in enumerate(zip(kernels, inner, outer, strict=True)):
        inputs, parts = (16, *outer)[i], []
        if wide != inputs:
            parts.append(lambda name, a=inputs, b=wide: pair(name, a, b))
        parts.append(lambda name, a=wide, k=kernel: pair(name, a, a, k, groups=a))
        if i in squeezed:
            parts.append(lambda name, a=wide, b=squeezed[i]: squeeze(name, a, b))
        parts.append(lambda name, a=wide, b=narrow: pair(name, a, b))
        for number, part in enumerate(parts):
            shapes |= part(f"features.{i + 1}.block.{number}")
    return shapes


def squeeze(name, width, narrow):
    return conv(f"{name}.fc1", width, narrow, bias=True) | conv(
        f"{name}.fc2", narrow, width, bias=True
    )


def hrnet(width):
    """Names and shapes of the official body, without any head."""
    widths = [width * 2**i for i in range(4)]
    shapes = conv("conv1", 3, 64, 3) | norm("bn1", 64) | conv("conv2", 64, 64, 3) | norm("bn2", 64)
    for block in range(4):
        shapes |= bottleneck(f"layer1.{block}", 256 if block else 64, 64)
    shapes |= pair("transition1.0", 256, widths[0], 3)
    shapes |= pair("transition1.1.0", 256, widths[1], 3)
    shapes |= pair("transition2.2.0", widths[1], widths[2], 3)
    shapes |= pair("transition3.3.0", widths[2], widths[3], 3)
    for grids, count in ((2, 1), (3, 4), (4, 3)):
        for number in range(count):
            shapes |= meeting(f"stage{grids}.{number}", widths[:grids])
    return shapes


def meeting(name, widths):
    shapes = {}
    for i, width in enumerate(widths):
        for block in range(4):
            for part in (1, 2):
                shapes |= conv(f"{name}.branches.{i}.{block}.conv{part}", width, width, 3)
                shapes |= norm(f"{name}.branches.{i}.{block}.bn{part}", width)
        for j, other in enumerate(widths):
            told = f"{name}.fuse_layers.{i}.{j}"
            if j > i:
                shapes |= pair(told, other, width)
            for step in range(i - j):
                shapes |= pair(f"{told}.{step}", other, width if step == i - j - 1 else other, 3)
    return shapes


def imagenet_head(width):
    """What the official classification file has besides."""
    shapes = pair("final_layer", 1024, 2048) | {"final_layer.0.bias": (2048,)}
    shapes |= linear("classifier", 2048, 1000)
    for i, head in enumerate(HEAD_WIDTHS):
        shapes |= bottleneck(f"incre_modules.{i}.0", width * 2**i, head)
        if i:
            name = f"downsamp_modules.{i - 1}"
            shapes |= pair(name, 2 * head, 4 * head, 3) | {f"{name}.0.bias": (4 * head,)}
    return shapes


def two_layers(name, width, classes):
    shapes = conv(f"{name}.0", width, width, bias=True) | norm(f"{name}.1", width)
    return shapes | conv(f"{name}.3", width, classes, bias=True)


def ocr_head(width, classes):
    """Names and shapes of the official head with object-contextual representations."""
    shapes = two_layers("aux_head", 15 * width, classes)
    shapes |= conv("conv3x3_ocr.0", 15 * width, 512, 3, bias=True) | norm("conv3x3_ocr.1", 512)
    shapes |= conv("cls_head", 512, classes, bias=True)
    block = "ocr_distri_head.object_context_block"
    for name in ("f_pixel", "f_object"):
        shapes |= conv(f"{block}.{name}.0", 512, 256) | norm(f"{block}.{name}.1.0", 256)
        shapes |= conv(f"{block}.{name}.2", 256, 256) | norm(f"{block}.{name}.3.0", 256)
    shapes |= conv(f"{block}.f_down.0", 512, 256) | norm(f"{block}.f_down.1.0", 256)
    shapes |= conv(f"{block}.f_up.0", 256, 512) | norm(f"{block}.f_up.1.0", 512)
    last = "ocr_distri_head.conv_bn_dropout"
    return shapes | conv(f"{last}.0", 1024, 512) | norm(f"{last}.1.0", 512)


def deeplab_head(fine, coarse, classes):
    """Names and shapes of the head of DeepLabV3Plus-Pytorch."""
    shapes = pair("classifier.project", fine, 48)
    for i, kernel in enumerate((1, 3, 3, 3)):
        shapes |= pair(f"classifier.aspp.convs.{i}", coarse, 256, kernel)
    shapes |= conv("classifier.aspp.convs.4.1", coarse, 256)
    shapes |= norm("classifier.aspp.convs.4.2", 256)
    shapes |= pair("classifier.aspp.project", 1280, 256)
    shapes |= pair("classifier.classifier", 304, 256, 3)
    return shapes | conv("classifier.classifier.3", 256, classes, bias=True)


def before(prefix, shapes):
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def size(shapes):
    learned = (s for n, s in shapes.items() if not n.endswith(("_mean", "_var", "_tracked")))
    return sum(map(prod, learned))


def written(path, shapes, wrap=lambda tensors: tensors):
    """A file of such tensors, all 0.5; stored as one number each."""
    torch.save(wrap({n: torch.tensor(0.5).expand(s) for n, s in shapes.items()}), path)
    return path


def empty(model, classes=5):
    """The network without memory for its weights: names and shapes are enough here."""
    with torch.device("meta"):
        return network.build(model, classes)


def groups(names):
    return {name.partition(".")[0] for name in names}


def test_the_written_down_names_have_the_published_number_of_weights():
    assert size(resnet(3, 4, 6, 3)) == 25_557_032
    assert size(resnet(3, 4, 23, 3)) == 44_549_160
    assert size(mobilenet()) == 5_483_032
    assert f"{size(hrnet(18) | imagenet_head(18)) / 1e6:.2f}" == "21.30"
    assert f"{size(hrnet(48) | imagenet_head(48)) / 1e6:.2f}" == "77.47"


BACKBONES = {
    "deeplabv3plus-resnet50": (resnet(3, 4, 6, 3), "classifier", {"fc"}),
    "deeplabv3plus-resnet101": (resnet(3, 4, 23, 3), "classifier", {"fc"}),
    "deeplabv3plus-mobilenetv3": (mobilenet(), "classifier", {"classifier"}),
}
for width in (18, 48):
    shapes = hrnet(width) | imagenet_head(width)
    unused = groups(imagenet_head(width))
    BACKBONES[f"hrnetv2-w{width}"] = (shapes, "last_layer", unused)
    ocr = "conv3x3_ocr ocr_distri_head cls_head aux_head"
    BACKBONES[f"hrnetv2-w{width}-ocr"] = (shapes, ocr, unused)


@pytest.mark.parametrize("model", BACKBONES)
def test_imagenet_weights_fill_all_but_the_head(model, tmp_path):
    shapes, head, unused = BACKBONES[model]
    built = empty(model)
    matched = weights.fill(built, written(tmp_path / "public.pth", shapes))
    assert groups(matched.missing) == set(head.split())
    assert matched.misshapen == ()
    assert groups(matched.unused) == unused
    fresh = {id(p) for p in built.groups()[1]}
    parameters = dict(built.body.named_parameters())
    assert {n for n, p in parameters.items() if id(p) not in fresh} <= set(matched.filled)


WHOLE = {
    "hrnetv2-w48": before("model.", hrnet(48) | two_layers("last_layer", 720, 19)),
    "hrnetv2-w48-ocr": before("model.", hrnet(48) | ocr_head(48, 19)),
    "deeplabv3plus-resnet101": before("backbone.", resnet(3, 4, 23, 3))
    | deeplab_head(256, 2048, 19),
}


@pytest.mark.parametrize("model", WHOLE)
def test_cityscapes_weights_fill_everything(model, tmp_path):
    path = written(tmp_path / "public.pth", WHOLE[model], lambda t: {"state_dict": t, "epoch": 3})
    matched = weights.fill(empty(model, 19), path)
    assert (matched.missing, matched.misshapen) == ((), ())
    assert matched.parameters == matched.of_parameters
    assert groups(matched.unused) <= {"backbone"}


def test_the_classifier_of_other_classes_is_left_fresh(tmp_path):
    shapes = hrnet(18) | two_layers("last_layer", 270, 19)
    built = network.build("hrnetv2-w18", 5)
    last = built.body.last_layer[3].weight.clone()
    path = written(tmp_path / "public.pth", before("module.model.", shapes))
    matched = weights.fill(built, path)
    assert set(matched.misshapen) == {"last_layer.3.weight", "last_layer.3.bias"}
    assert built.body.last_layer[3].weight.equal(last)
    filled = built.body.state_dict()
    assert all((filled[name] == 0.5).all() for name in matched.filled)
    lines = matched.told()
    assert lines[0].startswith(f"{path}: fills ")
    assert lines[1] == "  fresh, of another shape in the file: last_layer (2)"


def small_state():
    torch.manual_seed(1)
    return network.build("compact", 5).state_dict()


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state", "weights"])
def test_wrappers_are_taken_off(key, tmp_path):
    torch.manual_seed(0)
    built, state = network.build("compact", 5), small_state()
    torch.save({key: {f"module.{n}": v for n, v in state.items()}, "step": 1}, tmp_path / "a.pt")
    matched = weights.fill(built, tmp_path / "a.pt")
    assert matched.missing == matched.misshapen == ()
    assert all(value.equal(built.state_dict()[name]) for name, value in state.items())


def test_half_precision_becomes_single(tmp_path):
    state = {name: value.half() for name, value in small_state().items()}
    torch.save(state, tmp_path / "half.bin")
    built = network.build("compact", 5)
    weights.fill(built, tmp_path / "half.bin")
    assert {p.dtype for p in built.parameters()} == {torch.float32}
    assert built.body.head.weight.equal(state["body.head.weight"].float())


def test_a_checkpoint_of_ours_fills_all_but_its_classes(tmp_path, model):
    built = network.build("compact", 7)
    matched = weights.fill(built, model)
    assert set(matched.misshapen) == {"head.weight", "head.bias"}
    assert (matched.missing, matched.unused) == ((), ())


def test_safetensors_are_read(tmp_path):
    pytest.importorskip("safetensors", reason="wants the extra 'hf'")
    from safetensors.torch import save_file

    state = small_state()
    save_file(
        {name: value.contiguous() for name, value in state.items()}, tmp_path / "a.safetensors"
    )
    built = network.build("compact", 5)
    assert weights.fill(built, tmp_path / "a.safetensors").missing == ()
    assert built.body.head.weight.equal(state["body.head.weight"])
    (tmp_path / "b.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        weights.fill(built, tmp_path / "b.safetensors")


def test_weights_of_another_model_are_refused_and_change_nothing(tmp_path):
    built = network.build("compact", 5)
    before_it = {name: value.clone() for name, value in built.state_dict().items()}
    path = written(tmp_path / "other.pth", resnet(3, 4, 6, 3))
    with pytest.raises(UserError, match="none of its 267 tensors is in the model") as caught:
        weights.fill(built, path)
    assert "the model has 'stages.0.0.0.weight' [32, 3, 3, 3]" in caught.value.hint
    assert "the file 'conv1.weight' [64, 3, 7, 7]" in caught.value.hint
    assert all(value.equal(before_it[name]) for name, value in built.state_dict().items())


@pytest.mark.parametrize("model", ["hrnetv2-w18", "deeplabv3plus-mobilenetv3"])
def test_a_file_that_fills_a_few_tensors_by_chance_is_refused(model, tmp_path):
    path = written(tmp_path / "resnet50.pth", resnet(3, 4, 6, 3))
    with pytest.raises(UserError, match=r"weights of another model|none of its|other shapes"):
        weights.fill(empty(model), path)


def test_another_width_is_refused(tmp_path):
    path = written(tmp_path / "w48.pth", hrnet(48))
    with pytest.raises(UserError, match="most of its tensors have other shapes"):
        weights.fill(empty("hrnetv2-w18"), path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    state = small_state()
    state["body.head.bias"][0] = torch.nan
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(UserError, match=r"'body\.head\.bias' holds numbers that are not finite"):
        weights.fill(network.build("compact", 5), tmp_path / "nan.pt")


class Stranger:
    """What only its own code can unpickle."""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such weights file"),
        (Stranger(), "not a file of plain tensors"),
        ({"epoch": 3}, "holds no named tensors"),
        ([torch.zeros(1)], "holds no named tensors"),
    ],
)
def test_what_is_no_weights_file_is_told(content, says, tmp_path):
    path = tmp_path / "weights.pth"
    if content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=says):
        weights.fill(network.build("compact", 5), path)
    with pytest.raises(UserError, match="no such weights file") as caught:
        weights.fill(network.build("compact", 5), tmp_path)
    assert "hf:DIR" in caught.value.hint
