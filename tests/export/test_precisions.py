"""A precision is what its label says: in the graph, in the numbers, and at the gate."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from export import precisions, quantise
from export.calibrate import BINS, STEPS, Reach, reaches
from export.half import lower, to_float16
from export.precisions import bf16
from export.twin import needs_twin, twin
from kernels.errors import UserError

PICTURE = np.random.default_rng(0).normal(size=(2, 3, 32, 48)).astype(np.float32)


def run(model, feed=None):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed or {"picture": PICTURE})[0]


def kinds(model, operator):
    """The types of the first inputs of every such operator."""
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    known = {v.name: v.type.tensor_type.elem_type for v in (*inferred.value_info, *inferred.input)}
    return {known[node.input[0]] for node in inferred.node if node.op_type == operator}


@pytest.fixture(scope="module")
def made(body, seen):
    return {name: precisions.find(name).apply(body.model, seen) for name in precisions.names()}


@pytest.mark.parametrize("name", precisions.names())
def test_every_precision_is_a_valid_graph_with_float32_ends(made, name):
    model = made[name].model
    onnx.checker.check_model(model, full_check=True)
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
    assert {node.domain for node in model.graph.node} == {""}


@pytest.mark.parametrize(
    ("name", "kind", "bits"), [("fp16", TensorProto.FLOAT16, 11), ("bf16", TensorProto.BFLOAT16, 8)]
)
def test_convolutions_compute_in_16_bits_and_means_do_not(made, body, name, kind, bits):
    model = made[name].model
    assert kinds(model, "Conv") == {kind}
    assert kinds(model, "ReduceMean") == {TensorProto.FLOAT}
    assert made[name].facts["float32_operators"] == {"ReduceMean": 1}
    exact = run(body.model)
    assert needs_twin(model)
    error = np.abs(run(twin(model)) - exact).max()
    # A few roundings of half a step each, and not none.
    assert 0 < error < 40 * 2.0**-bits * np.abs(exact).max()


def test_onnx_runtime_still_cannot_convolve_in_bf16(made):
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        run(made["bf16"].model)


@pytest.mark.parametrize(
    ("kind", "rounded", "whole"),
    [(TensorProto.BFLOAT16, bf16._rounded, 256), (TensorProto.FLOAT16, to_float16, 2048)],
)
def test_the_twin_rounds_every_result_to_16_bits(kind, rounded, whole):
    names = ["one", "two"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in names]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1])]
    graph = helper.make_graph([helper.make_node("Add", names, ["sum"])], "sum", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    lowered, _ = lower(model, kind, rounded)
    feed = {"one": np.float32([whole]), "two": np.float32([1])}
    assert run(twin(lowered), feed).tolist() == [whole]
    assert run(model, feed).tolist() == [whole + 1]


def test_the_twin_shows_an_overflow_that_the_cpu_hides(body):
    model = body.model.__class__()
    model.CopyFrom(body.model)
    weights = max(model.graph.initializer, key=lambda entry: len(entry.raw_data))
    large = numpy_helper.to_array(weights) * np.float32(1e6)
    weights.CopyFrom(numpy_helper.from_array(np.clip(large, -6e4, 6e4), weights.name))
    lowered, _ = lower(model, TensorProto.FLOAT16, to_float16)
    assert np.isfinite(run(model)).all()
    assert not np.isfinite(run(twin(lowered))).all()


def test_a_weight_that_fp16_cannot_hold_is_named():
    with pytest.raises(UserError, match="beyond 65504"):
        to_float16(np.float32([70000]))


def test_int8_is_explicit_symmetric_and_per_channel(made):
    model = made["int8"].model
    values = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    for node in convolutions:
        source, weights = (makers[name] for name in node.input[:2])
        assert source.op_type == weights.op_type == "DequantizeLinear"
        assert values[weights.input[0]].dtype == np.int8
        assert values[weights.input[1]].shape == values[weights.input[0]].shape[:1]
        for each in (source, weights):
            assert values[each.input[2]].dtype == np.int8
            assert not values[each.input[2]].any()
    assert made["int8"].facts["int8_convolutions"] == len(convolutions) == 26
    assert not any(value.dtype == np.float32 and value.ndim == 4 for value in values.values())


def test_the_logits_themselves_are_not_quantised(made):
    model = made["int8"].model
    (shuffle,) = (node for node in model.graph.node if node.op_type == "DepthToSpace")
    (last,) = (node for node in model.graph.node if node.output[0] == shuffle.input[0])
    assert last.op_type == "Conv"


def test_int8_is_near_the_body_and_not_the_body(made, body):
    exact, rough = run(body.model), run(made["int8"].model)
    assert 0 < np.abs(rough - exact).mean() < 0.1 * np.abs(exact).mean()


def test_the_calibration_pictures_are_recorded(made, seen):
    told = made["int8"].facts["calibration"]
    assert told["pictures"] == len(seen) == 6
    assert told["data"].endswith(" train")
    assert (told["first"], told["last"], len(told["sha256"])) == ("0.png", "5.png", 64)
    assert json.dumps(told)


def test_calibration_counts_every_value_of_every_picture(body, seen):
    found = reaches(body.model, ["picture", "scores"], seen)["picture"]
    pictures = list(seen.read())
    assert found.counts.sum() == sum(picture.size for picture in pictures)
    assert found.largest == max(float(np.abs(picture).max()) for picture in pictures)


def test_the_cut_trades_rare_large_values_for_fine_steps():
    counts = np.zeros(BINS, np.int64)
    counts[: BINS // 4] = 1000
    counts[-1] = 1
    spread = Reach(largest=4.0, counts=counts)
    assert 0.9 < spread.least_error() < 4.0
    counts[-1] = 100_000
    assert spread.least_error() == 4.0


def test_weights_come_back_to_within_half_a_step():
    state = quantise._Rewriting(scales={})
    weights = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)
    weights[1] = 0
    state.channels("w", weights, 0)
    steps, scales = (numpy_helper.to_array(state.weights[f"w/{n}"]) for n in ("int8", "scale"))
    back = steps.astype(np.float32) * scales[:, None, None, None]
    assert (np.abs(back - weights) <= 0.5001 * scales[:, None, None, None]).all()
    assert np.abs(steps[[0, 2, 3]]).max(axis=(1, 2, 3)).tolist() == [STEPS] * 3


def test_an_unknown_precision_offers_the_nearest():
    with pytest.raises(UserError, match="choose from bf16, fp16, fp32, int8") as caught:
        precisions.check("fp15")
    assert "did you mean" in caught.value.hint
