"""Every name of TensorRT that we use is in each TensorRT that we say we work with."""

import ast
import json
from pathlib import Path

import pytest

from export import engine
from export.switches import HARDWARE
from serve.runtimes import trt as runtime

HERE = Path(__file__).parent
# Of each release, the classes that are used and what they offer, as far as it is needed.
NAMES = json.loads((HERE / "tensorrt_names.json").read_text(encoding="utf-8"))
SOURCE = ast.parse(Path(engine.__file__).read_text(encoding="utf-8"))
SERVED = ast.parse(Path(runtime.__file__).read_text(encoding="utf-8"))
# What a variable of that name holds.
INSTANCES = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "error": "ParserError",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "cache": "ITimingCache",
    "layer": "ILayer",
    "maker": "ILayer",
    "tensor": "ITensor",
    "runtime": "Runtime",
    "plan": "ICudaEngine",
    "context": "IExecutionContext",
}
# What these give, where an attribute is taken of it at once.
RESULTS = {"get_input": "ITensor", "get_output": "ITensor", "get_layer": "ILayer"}
# Variables that hold nothing of TensorRT's, and the level of a line of its log, a plain enum.
OURS = {
    *("bar", "dict", "draft", "flavour", "intake", "kinds", "line", "log", "name", "path"),
    *("self", "settings", "severity", "talk", "told"),
    # A value of ComputeCapability, whose members are read by name.
    "architecture",
}
ROOT = Path(engine.__file__).parents[1]
RTX_ONLY = ("architectures", "_set_architectures")


def used(tree):
    """(class, name) of all `trt.Class.name`, `variable.name`, and methods of derived classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from derived(node)
        if not isinstance(node, ast.Attribute) or node.attr.startswith("__"):
            continue
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id in INSTANCES:
            yield INSTANCES[owner.id], node.attr
        elif isinstance(owner, ast.Name) and owner.id == "trt":
            yield node.attr, ""
        elif isinstance(owner, ast.Call) and called(owner) in RESULTS:
            yield RESULTS[called(owner)], node.attr
        elif isinstance(owner, ast.Attribute) and ast.unparse(owner.value) == "trt":
            yield owner.attr, node.attr


def called(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def unseen(tree):
    """Attributes of variables and results of which nobody said what they hold."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        if isinstance(node.value, ast.Name) and node.value.id not in {"trt", *INSTANCES, *OURS}:
            yield ast.unparse(node)
        if isinstance(node.value, ast.Call) and called(node.value) not in {"super", *RESULTS}:
            yield ast.unparse(node)


def derived(node):
    for base in node.bases:
        if ast.unparse(base).startswith("trt."):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                    yield ast.unparse(base).removeprefix("trt."), method.name


def needed(release):
    functions = [node for node in SOURCE.body if isinstance(node, ast.FunctionDef)]
    found = set()
    for function in functions:
        if function.name not in RTX_ONLY or release.startswith("tensorrt_rtx"):
            found |= set(used(function))
    levels = {("HardwareCompatibilityLevel", level) for level in HARDWARE.values()}
    return found | levels | set(used(SERVED))


@pytest.mark.parametrize("release", NAMES)
def test_every_name_is_in_every_release(release):
    offered = NAMES[release]
    absent = [
        f"{kind}.{name}"
        for kind, name in sorted(needed(release))
        if kind not in offered or (name and name not in offered[kind])
    ]
    assert not absent


def test_the_walk_sees_what_is_used():
    found = needed("tensorrt_rtx-1.7")
    assert ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED") in found
    assert ("Builder", "build_serialized_network") in found
    assert ("IProgressMonitor", "step_complete") in found
    assert ("IBuilderConfig", "set_compute_capability") in found
    assert ("IExecutionContext", "execute_async_v3") in found
    assert ("Runtime", "deserialize_cuda_engine") in found
    assert ("IBuilderConfig", "set_compute_capability") not in needed("tensorrt-11.4")


def test_a_name_that_a_release_lacks_is_found():
    tree = ast.parse("def f(trt, config):\n config.set_flag(trt.BuilderFlag.FP16)")
    assert ("BuilderFlag", "FP16") in set(used(tree))
    assert "FP16" not in NAMES["tensorrt-11.4"]["BuilderFlag"]


def test_every_attribute_is_of_something_known():
    assert list(unseen(SOURCE)) == []


@pytest.mark.parametrize(
    "code", ["loader.deserialize_cuda_engine(plan)", "builder.create_runtime().load(plan)"]
)
def test_a_new_variable_or_result_does_not_go_by_unseen(code):
    assert list(unseen(ast.parse(code))) != []


def test_a_name_of_a_result_is_seen():
    assert ("ITensor", "nosuch") in set(used(ast.parse("network.get_input(0).nosuch")))


def test_no_other_file_reaches_into_tensorrt():
    others = [
        path
        for folder in ("export", "kernels", "serve", "trainer")
        for path in (ROOT / folder).rglob("*.py")
        if path not in {Path(engine.__file__), Path(runtime.__file__)}
    ]
    reaching = {
        f"{path.name}: {ast.unparse(node)}"
        for path in others
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith((".module", "trt"))
    }
    # The version, that tells whether it is too old.
    assert reaching == {"flavour.py: self.module.__version__"}
