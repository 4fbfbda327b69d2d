"""The graph around the network computes what the kernels compute, to the byte."""

from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from export import geometry, verify
from kernels import paint, shrink
from kernels.contract import Contract
from kernels.factor import small_size

SIZES = [(1, 1), (1, 9), (5, 7), (40, 24), (97, 101), (333, 517)]
FACTORS = ["1", "1/2", "1/3", "2/5", "0.3", "1/4", "7/8", "1/8", "1/500"]


def promise(factor, classes=3):
    return Contract(
        classes=tuple(map(str, range(classes))),
        palette=((0, 0, 0),) * classes,
        factor=Fraction(factor),
        ignore=max(255, classes),
        writer="test",
    )


def around_nothing(contract):
    """The geometry around a network that only moves the colours where logits belong."""
    node = helper.make_node("Transpose", ["small"], ["logits"], perm=[0, 3, 1, 2])
    graph = helper.make_graph(
        [node],
        "nothing",
        [helper.make_tensor_value_info("small", TensorProto.FLOAT, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3, "h", "w"])],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    model = geometry.around(network, contract)
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
    session = around_nothing(promise("1/2", classes=300))
    (mask,) = session.get_outputs()[:1]
    assert mask.type == "tensor(uint16)"
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    assert session.run(["mask"], {"image": picture})[0].dtype == np.uint16
