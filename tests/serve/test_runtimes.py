"""Opening an artefact: the network is cut out, and what cannot be served is refused."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from kernels import registry
from kernels.errors import UserError
from serve import runtimes
from serve.runtimes.onnx import CONTRACT_KEY, cut
from serve.segment import Segmenter


def refused(path: Path, message: str) -> UserError:
    with pytest.raises(UserError, match=message) as raised:
        Segmenter(path).warm_up()
    assert raised.value.hint
    return raised.value


def saved(path: Path, model: onnx.ModelProto) -> Path:
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("factor", [Fraction(1, 4), Fraction(1)])
def test_the_cut_graph_is_the_network_alone(toy: SimpleNamespace, factor: Fraction) -> None:
    model = toy.artefact(toy.contract(factor=factor))
    unused = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "of the head")
    model.graph.initializer.append(unused)
    cut(model, Path("model.onnx"))
    assert [node.op_type for node in model.graph.node] == ["Cast", "Transpose", "Conv"]
    assert [value.name for value in model.graph.input] == ["small"]
    assert [value.name for value in model.graph.output] == ["logits"]
    assert [weight.name for weight in model.graph.initializer] == ["weight"]


@pytest.mark.parametrize("sides", [0, 1, 2])
def test_a_picture_without_all_its_sides_is_refused(
    tmp_path: Path, toy: SimpleNamespace, sides: int
) -> None:
    model = toy.artefact(toy.contract())
    shape = model.graph.input[0].type.tensor_type.shape
    del shape.dim[sides:]
    if sides == 2:
        shape.dim[1].dim_value = 64
    refused(saved(tmp_path / "model.onnx", model), "pictures of one shape alone")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_graph_for_one_shape_is_refused(tmp_path: Path, toy: SimpleNamespace, axis: int) -> None:
    model = toy.artefact(toy.contract())
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 64
    error = refused(saved(tmp_path / "model.onnx", model), "pictures of one shape alone")
    assert "--size" in error.hint


def fixed(model: onnx.ModelProto, *sides: int | None) -> onnx.ModelProto:
    """The same graph, that promises numbers for those of batch, height and width."""
    for dim, side in zip(model.graph.input[0].type.tensor_type.shape.dim, sides, strict=False):
        if side is not None:
            dim.dim_value = side
    return model


def test_a_graph_for_one_size_gives_the_mask_of_the_one_for_any(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    model = fixed(toy.artefact(toy.contract()), 1, 50, 70)
    only = Segmenter(saved(tmp_path / "only.onnx", model))
    only.warm_up()
    free = Segmenter(saved(tmp_path / "free.onnx", toy.artefact(toy.contract())))
    assert (only.runtime.size, free.runtime.size) == ((50, 70), None)
    picture = toy.photo(50, 70)
    np.testing.assert_array_equal(only.mask(picture), free.mask(picture))


@pytest.mark.parametrize("size", [(70, 50), (49, 70), (50, 71)])
def test_a_picture_of_another_size_is_told_the_one_that_is_taken(
    tmp_path: Path, toy: SimpleNamespace, size: tuple[int, int]
) -> None:
    model = fixed(toy.artefact(toy.contract()), None, 50, 70)
    only = Segmenter(saved(tmp_path / "model.onnx", model))
    with pytest.raises(UserError, match=rf"{size[0]}x{size[1]} .* takes 50x70 alone") as raised:
        only.answer(toy.written(toy.photo(*size)))
    assert "exported without --size" in raised.value.hint


def test_a_graph_for_one_picture_at_once_takes_any_size(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    served = Segmenter(saved(tmp_path / "model.onnx", fixed(toy.artefact(toy.contract()), 1)))
    assert [served.mask(toy.photo(*size)).shape for size in ((20, 30), (31, 17))] == [
        (20, 30),
        (31, 17),
    ]


def test_the_cut_graph_gives_the_logits_of_the_whole_one(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    picture = toy.photo(32, 48)
    model = toy.artefact(toy.contract())
    path = saved(tmp_path / "model.onnx", model)
    for name, kind in (("small", TensorProto.FLOAT), ("logits", TensorProto.FLOAT)):
        shape = ["N", f"{name}.1", f"{name}.2", f"{name}.3"]
        model.graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    whole = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    small, logits = whole.run(["small", "logits"], {"image": picture[None]})
    np.testing.assert_array_equal(
        runtimes.open_artefact(path).logits(small[0].astype(np.uint8)), logits[0]
    )


def test_half_precision_logits_are_taken(tmp_path: Path, toy: SimpleNamespace) -> None:
    model = toy.artefact(toy.contract())
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.output[0] = "conv"
    at = list(model.graph.node).index(conv) + 1
    half = helper.make_node("Cast", ["conv"], ["logits"], to=TensorProto.FLOAT16)
    model.graph.node.insert(at, half)
    segmenter = Segmenter(saved(tmp_path / "model.onnx", model))
    assert segmenter.mask(toy.photo(20, 30)).shape == (20, 30)


def test_a_network_with_branches_keeps_what_their_bodies_read(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    model = toy.artefact(toy.contract())
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.output[0] = "conv"
    at = list(model.graph.node).index(conv) + 1

    def body(name: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node("Neg", ["conv"], [name])], name, [], [out])

    yes = onnx.numpy_helper.from_array(np.array(True), "yes")
    model.graph.initializer.append(yes)
    branch = helper.make_node(
        "If", ["yes"], ["logits"], then_branch=body("minus"), else_branch=body("less")
    )
    model.graph.node.insert(at, branch)
    path = saved(tmp_path / "model.onnx", model)
    small = toy.photo(16, 24)
    plain = runtimes.open_artefact(saved(tmp_path / "plain.onnx", toy.artefact(toy.contract())))
    turned = runtimes.open_artefact(path)
    np.testing.assert_array_equal(turned.logits(small), -plain.logits(small))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "model.onnx", "is not a file")


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "model.onx").write_bytes(b"anything")
    error = refused(tmp_path / "model.onx", "unknown kind of artefact 'onx'; choose from onnx")
    assert "did you mean 'onnx'?" in error.hint


@pytest.mark.parametrize("data", [b"", b"hello world", b"\x89PNG\r\n\x1a\n0000", b"PK\x03\x04"])
def test_what_is_not_onnx_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    refused(path, "is not an ONNX file")


def test_onnx_without_a_contract_is_refused(tmp_path: Path, toy: SimpleNamespace) -> None:
    model = toy.artefact(toy.contract())
    del model.metadata_props[:]
    refused(saved(tmp_path / "model.onnx", model), "without a softres contract")


def test_a_contract_of_unknown_version_is_refused(tmp_path: Path, toy: SimpleNamespace) -> None:
    model = toy.artefact(toy.contract())
    text = toy.contract().to_json().replace('"version":1', '"version":99')
    helper.set_model_props(model, {CONTRACT_KEY: text})
    refused(
        saved(tmp_path / "model.onnx", model), "softres test in a version this softres does not"
    )


@pytest.mark.parametrize("name", ["small", "logits"])
def test_a_graph_without_the_tensors_to_cut_at_is_refused(
    tmp_path: Path, toy: SimpleNamespace, name: str
) -> None:
    model = toy.artefact(toy.contract())
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["other" if given == name else given for given in names]
    refused(saved(tmp_path / "model.onnx", model), f"no tensor named {name} ")


def test_a_network_that_looks_at_the_full_picture_is_refused(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    model = toy.artefact(toy.contract())
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.input[0] = "image.planes"
    refused(saved(tmp_path / "model.onnx", model), "reads 'image' past 'small'")


def test_a_network_of_other_classes_than_its_contract_is_refused(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    model = toy.artefact(toy.contract(classes=5))
    helper.set_model_props(model, {CONTRACT_KEY: toy.contract(classes=4).to_json()})
    refused(saved(tmp_path / "model.onnx", model), "5 classes, its contract 4")


def test_a_network_that_the_runtime_refuses_is_a_user_error(
    tmp_path: Path, toy: SimpleNamespace
) -> None:
    model = toy.artefact(toy.contract())
    next(node for node in model.graph.node if node.op_type == "Conv").op_type = "Konv"
    refused(saved(tmp_path / "model.onnx", model), "ONNX Runtime refuses the network")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_an_error_that_says_what_to_install(
    model: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    error = refused(model, re.escape(f"needs the package {package}, which"))
    assert error.hint == "install softres with its extra 'cpu'"


@pytest.mark.parametrize("name", registry.names("serve.runtimes"))
def test_every_file_in_the_folder_opens_artefacts(name: str) -> None:
    module = registry.load("serve.runtimes", name, what="kind of artefact")
    assert callable(module.open_artefact)


def test_a_gpu_that_was_asked_for_is_not_replaced_by_the_cpu(model: Path) -> None:
    with pytest.raises(UserError, match="this onnxruntime runs on a CPU alone") as raised:
        runtimes.open_artefact(model, device="cuda")
    assert "extra 'gpu'" in raised.value.hint


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """An onnxruntime for GPUs on a machine without one: it goes on on the CPU in silence."""
    asked: list[list[Any]] = []
    session = onnxruntime.InferenceSession

    def silent(content: bytes, options: Any, providers: list[Any]) -> Any:
        asked.append(providers)
        return session(content, options, providers=["CPUExecutionProvider"])

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", silent)
    return asked


def test_a_silent_fall_back_to_the_cpu_is_found_out(model: Path, sessions: list[list[Any]]) -> None:
    with pytest.raises(UserError, match="fell back to CPUExecutionProvider") as raised:
        runtimes.open_artefact(model, device="cuda")
    assert "--device cpu" in raised.value.hint
    assert sessions[0][0][0] == "CUDAExecutionProvider"


def test_what_is_said_to_run_the_network_is_what_runs_it(
    model: Path, sessions: list[list[Any]]
) -> None:
    assert "(CPU, threads: " in runtimes.open_artefact(model, 1).name
    assert "(CPU, threads: " in runtimes.open_artefact(model, 1, device="cpu").name
    assert [asked[0] == "CPUExecutionProvider" for asked in sessions] == [False, True]
