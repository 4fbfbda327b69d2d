"""The graph around the network computes what the kernels compute, to the byte."""

from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional as F

from export import geometry, intake, verify
from export.geometry import Body
from kernels import paint, shrink
from kernels.contract import Contract
from kernels.factor import small_size
from kernels.paint import painting

SIZES = [(1, 1), (1, 9), (5, 7), (40, 24), (97, 101), (333, 517)]
FACTORS = ["1", "1/2", "1/3", "2/5", "0.3", "1/4", "7/8", "1/8", "1/500"]


def promise(factor, classes=3, sight=1):
    return Contract(
        classes=tuple(map(str, range(classes))),
        palette=((0, 0, 0),) * classes,
        factor=Fraction(factor),
        sight=sight,
        ignore=max(255, classes),
        writer="test",
    )


def nothing(*, weights=None, multiple=1, stride=1, mean=(0, 0, 0), spread=(1, 1, 1)):
    """A body that hands the colours on as scores, or mixes them by weights [C,3].

    With a stride it looks at the first of as many pixels.
    """
    mixing = np.eye(3, dtype=np.float32) if weights is None else weights
    node = helper.make_node("Conv", ["picture", "weights"], ["scores"], strides=[stride] * 2)
    sides = [["n", channels, "h", "w"] for channels in (3, len(mixing))]
    graph = helper.make_graph(
        [node],
        "nothing",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, sides[0])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, sides[1])],
        [numpy_helper.from_array(mixing[:, :, None, None], "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    mean, spread = np.float32(mean), np.float32(spread)
    return Body(model=model, mean=mean, spread=spread, multiple=multiple, stride=stride)


def around_nothing(contract, body=None, **options):
    """The geometry around it, with `small` shown."""
    model = geometry.around(body or nothing(), contract, **options)
    onnx.checker.check_model(model, full_check=True)
    model.graph.output.append(onnx.ValueInfoProto(name="small"))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.mark.parametrize("factor", FACTORS)
def test_the_graph_shrinks_to_the_bytes_of_the_kernel_at_any_size(factor):
    session = around_nothing(promise(factor))
    rng = np.random.default_rng(0)
    for size in SIZES:
        batch = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
        mask, small = session.run(["mask", "small"], {"image": batch})
        assert np.array_equal(small, shrink(batch, factor)), size
        assert mask.shape == (2, *size)
        assert mask.dtype == np.uint8


@pytest.mark.parametrize("sight", [2, 4])
@pytest.mark.parametrize("factor", ["1/4", "1/5", "0.23", "1/500"])
def test_the_graph_sees_what_the_kernel_sees_and_answers_on_the_coarser_grid(factor, sight):
    contract = promise(factor, sight=sight)
    body = nothing(multiple=4, stride=sight)
    rng = np.random.default_rng(0)
    for size in SIZES:
        batch = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
        for taken in (intake.Intake(), intake.read("x".join(map(str, size)), "2")):
            session = around_nothing(contract, body, intake=taken, head="logits")
            logits, small = session.run(["logits", "small"], {"image": batch})
            assert np.array_equal(small, shrink(batch, factor, sight)), size
            assert logits.shape[2:] == small_size(size, Fraction(factor))
            assert np.array_equal(logits, small[:, ::sight, ::sight].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("size", [(64, 96), (57, 101)])
def test_scores_coarser_than_the_sight_are_stretched_to_the_grid_of_the_logits(size):
    contract, body = promise("1/4", sight=2), nothing(multiple=4, stride=4)
    session = around_nothing(contract, body, head="logits")
    picture = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    logits, small = session.run(["logits", "small"], {"image": picture})
    height, width = small_size(size, Fraction(1, 4))
    lacking = (0, -small.shape[2] % 4, 0, -small.shape[1] % 4)
    padded = F.pad(torch.from_numpy(small).permute(0, 3, 1, 2), lacking)
    larger = F.interpolate(padded[..., ::4, ::4], scale_factor=2, mode="bilinear")
    np.testing.assert_allclose(logits, larger[..., :height, :width].numpy(), atol=1e-3)


def test_halves_go_to_the_even_neighbour():
    session = around_nothing(promise("1/2"))
    picture = np.repeat(np.array([[0, 1, 1, 2, 4, 5]], np.uint8)[..., None], 3, axis=2)
    (small,) = session.run(["small"], {"image": picture[None]})
    assert small[0, 0, :, 0].tolist() == [0, 2, 4]


def test_a_long_side_does_not_lose_its_last_digits():
    size = (3001, 40)
    picture = np.random.default_rng(1).integers(200, 256, (1, *size, 3), dtype=np.uint8)
    (small,) = around_nothing(promise("2/7")).run(["small"], {"image": picture})
    assert small.shape[1:3] == small_size(size, Fraction(2, 7))
    assert np.array_equal(small, shrink(picture, "2/7"))


def test_the_graph_paints_what_the_kernel_paints_but_for_near_ties():
    session = around_nothing(promise("1/4"))
    picture = np.random.default_rng(2).integers(0, 256, (1, 97, 101, 3), dtype=np.uint8)
    mask, small = session.run(["mask", "small"], {"image": picture})
    logits = small[0].transpose(2, 0, 1)
    ours = paint(logits, (97, 101))
    assert len(verify.unexplained(logits, ours, mask[0])) == 0
    assert (ours == mask[0]).mean() > 0.99


def test_past_256_classes_the_mask_has_two_bytes():
    weights = np.zeros((300, 3), np.float32)
    session = around_nothing(promise("1/2", classes=300), nothing(weights=weights))
    (mask,) = session.get_outputs()[:1]
    assert mask.type == "tensor(uint16)"
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    assert session.run(["mask"], {"image": picture})[0].dtype == np.uint16


@pytest.mark.parametrize("factor", FACTORS)
def test_a_graph_for_one_size_computes_the_same_without_arithmetic_of_sizes(factor):
    body, taken = nothing(multiple=4), intake.read("61x83", "2")
    model = geometry.around(body, promise(factor), intake=taken)
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"Shape", "Range", "Max", "Unsqueeze", "Squeeze"}
    batch = np.random.default_rng(3).integers(0, 256, (2, 61, 83, 3), dtype=np.uint8)
    free = around_nothing(promise(factor), body)
    fixed = around_nothing(promise(factor), body, intake=taken)
    for one, other in zip(*(s.run(None, {"image": batch}) for s in (free, fixed)), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("size", [(8, 12), (9, 13), (1, 1)])
def test_what_the_body_does_not_take_is_padded_and_cut_away(size):
    session = around_nothing(promise("1"), nothing(multiple=4), head="logits")
    picture = np.random.default_rng(4).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    logits, small = session.run(None, {"image": picture})
    assert np.array_equal(logits, small.transpose(0, 3, 1, 2))


def test_the_body_sees_what_calibration_shows_it():
    body = nothing(multiple=4, mean=(1, 2, 3), spread=(4, 5, 6))
    model = geometry.around(body, promise("1"))
    model.graph.output.append(onnx.ValueInfoProto(name="network/picture"))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    small = np.random.default_rng(5).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    (seen,) = session.run(["network/picture"], {"image": small[None]})
    assert np.array_equal(seen, body.picture_of(small))


@pytest.mark.parametrize("classes", [1, 2, 19])
def test_confidence_is_the_margin_of_the_kernel_but_for_the_last_step(classes):
    rng = np.random.default_rng(6)
    weights = rng.normal(0, 0.02, (classes, 3)).astype(np.float32)
    contract, body = promise("1/4", classes), nothing(weights=weights)
    session = around_nothing(contract, body, head="mask+confidence")
    picture = rng.integers(0, 256, (1, 97, 101, 3), dtype=np.uint8)
    mask, confidence, small = session.run(None, {"image": picture})
    logits = np.einsum("ck,nhwk->nchw", weights, small)
    ours = painting(logits, (97, 101), margin=True)
    assert confidence.dtype == np.uint8
    assert np.abs(ours.margin.astype(int) - confidence).max() <= 1
    assert (ours.margin != confidence).mean() < 0.01
    assert (ours.mask != mask).mean() < 0.01
