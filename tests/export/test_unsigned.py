"""The int8 of an artefact is the uint8 of ONNX Runtime, value for value, and every one is fused."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import precisions
from kernels.session import settle
from kernels.unsigned import unsigned

PICTURE = np.random.default_rng(0).normal(size=(1, 3, 32, 48)).astype(np.float32)


@pytest.fixture(scope="module")
def quantised(body, seen):
    return precisions.find("int8").apply(body.model, seen).model


def copied(model):
    return onnx.load_from_string(model.SerializeToString())


def rewritten(model):
    made = copied(model)
    unsigned(made)
    onnx.checker.check_model(made, full_check=True)
    return made


def computed_as(model, folder):
    """The operators that ONNX Runtime makes of it."""
    options = settle(onnxruntime.SessionOptions(), 1)
    options.optimized_model_filepath = str(folder / "made.onnx")
    session(model, options)
    return Counter(node.op_type for node in onnx.load(folder / "made.onnx").graph.node)


def session(model, options=None):
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def test_every_convolution_but_the_last_computes_in_8_bits(quantised, tmp_path):
    before, after = computed_as(quantised, tmp_path), computed_as(rewritten(quantised), tmp_path)
    assert before["QLinearConv"] < 13
    assert (after["QLinearConv"], after["Conv"] + after["FusedConv"]) == (25, 1)


def test_the_rewritten_graph_gives_the_same_values(quantised):
    (before,), (after,) = (
        exact(model).run(None, {"picture": PICTURE}) for model in (quantised, rewritten(quantised))
    )
    np.testing.assert_allclose(after, before, atol=1e-5 * np.abs(before).max())


def exact(model):
    """A session that computes every operator as it stands, in float32 between them."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return session(model, options)


def test_a_body_without_int8_stays_as_it_is(body):
    assert rewritten(body.model).SerializeToString() == copied(body.model).SerializeToString()


def small(*, also_read):
    """x -> Relu -> int8 and back, and perhaps another reader of the Relu."""
    nodes = [
        helper.make_node("Relu", ["x"], ["positive"]),
        helper.make_node("QuantizeLinear", ["positive", "scale", "zero"], ["int8"]),
        helper.make_node("DequantizeLinear", ["int8", "scale", "zero"], ["y"]),
    ]
    shape = [None]
    outputs = ["y", "positive"] if also_read else ["y"]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
        [
            numpy_helper.from_array(np.float32(0.1), "scale"),
            numpy_helper.from_array(np.int8(0), "zero"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("also_read", [False, True])
def test_every_value_is_rounded_and_cut_alike(also_read):
    model = small(also_read=also_read)
    made = rewritten(model)
    values = np.linspace(-20, 20, 4001, dtype=np.float32)
    before, after = (exact(each).run(["y"], {"x": values})[0] for each in (model, made))
    np.testing.assert_array_equal(after, before)
    assert after.max() == np.float32(12.7)
    # What somebody else reads stays where it was.
    assert Counter(node.op_type for node in made.graph.node)["Relu"] == also_read


def test_a_tensor_that_is_not_around_zero_is_left_alone():
    model = small(also_read=False)
    zero = next(entry for entry in model.graph.initializer if entry.name == "zero")
    zero.CopyFrom(numpy_helper.from_array(np.int8(-3), "zero"))
    assert rewritten(model).SerializeToString() == copied(model).SerializeToString()


def test_what_is_served_in_int8_is_what_the_artefact_says(quantised):
    # The same numbers by another way: integers instead of their float32 twins.
    fast, slow = session(rewritten(quantised)), exact(quantised)
    (served,), (said,) = (each.run(None, {"picture": PICTURE}) for each in (fast, slow))
    assert np.abs(served - said).mean() < 0.02 * np.abs(said).mean()
