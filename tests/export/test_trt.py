"""Engines are built of what was verified, by the TensorRT that was named, or the ONNX is left."""

import importlib.util
import json
import platform
import shutil
import subprocess
import sys
import zipfile

import onnx
import pytest
from onnx import TensorProto, helper

from export import engine, flavour, intake, precisions, switches
from export.options import Options
from export.switches import Settings
from export.targets import onnx as onnx_target
from export.targets import trt
from export.targets.trt import Order
from kernels import ahead
from kernels import engine as artefacts
from kernels.errors import RefusedError, UserError

# Where there is a wheel the tests fail without it, so that nobody skips them unawares.
needs_rtx = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="wants Linux on x86-64"
)
without_tensorrt = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is not None, reason="wants a machine without tensorrt"
)
DYNAMIC = intake.read("32x48..64x96", "1..4")


def rtx(*architectures, **given):
    return Order(flavour="rtx", settings=Settings(architectures=architectures, **given))


@without_tensorrt
def test_without_tensorrt_the_ready_onnx_is_left_with_the_exact_command(verified, tmp_path):
    source, out = verified(), tmp_path / "out" / "other.trt"
    order = Order(flavour="tensorrt", settings=Settings(workspace=512, version_compatible=True))
    with pytest.raises(RefusedError, match="no engine was built: tensorrt cannot") as caught:
        trt.build(source, out, Options(), order)
    assert caught.value.exit_code == 1
    assert (tmp_path / "out" / "other.onnx").read_bytes() == source.read_bytes()
    assert caught.value.hint.endswith(
        "trainer export trt other.onnx --out other.trt --flavour tensorrt --batch 1..4 "
        "--size 32x48..64x96 --memPoolSize workspace:512 --versionCompatible"
    )
    assert not out.exists()


@without_tensorrt
def test_the_command_line_says_so_with_exit_code_1_and_without_torch(verified, tmp_path):
    verified()
    code = "import sys; sys.modules['torch'] = None; from export.__main__ import main; main()"
    words = ["trt", "model.onnx", "--size", "32x48", "--flavour", "tensorrt", "--out", "a.trt"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: no engine was built" in done.stderr
    assert "trainer export trt a.onnx" in done.stderr


def test_what_cannot_be_built_is_told_before_any_work(tmp_path):
    checkpoint = tmp_path / "nothing.ckpt"
    out = tmp_path / "a.trt"
    fixed, real = Options(intake=DYNAMIC), Order(flavour="tensorrt")
    with pytest.raises(UserError, match="unknown flavour 'rxt'"):
        trt.build(checkpoint, out, fixed, Order(flavour="rxt"))
    with pytest.raises(UserError, match="--size dynamic has no largest one"):
        trt.build(checkpoint, out, Options(intake=intake.read("dynamic", "1")), real)
    with pytest.raises(UserError, match=r"does not end in \.trt"):
        trt.build(checkpoint, tmp_path / "a.engine", fixed, real)
    order = Order(flavour="tensorrt", settings=Settings(architectures=(86,)))
    with pytest.raises(UserError, match="--arch is for --flavour rtx"):
        trt.build(checkpoint, out, fixed, order)
    assert list(tmp_path.iterdir()) == []


def test_what_an_onnx_artefact_is_not_cannot_be_asked_of_it(verified, tmp_path):
    source, out, real = verified(), tmp_path / "a.trt", Order(flavour="tensorrt")
    for options, told in (
        (Options(precision="int8"), "--precision is for checkpoints"),
        (Options(head="logits"), "--head is for checkpoints"),
        (Options(intake=intake.read("512x1024", "1")), "asked for --batch 1 --size 512x1024, and"),
        (Options(intake=intake.read("64x96", "8")), "takes --batch 1..4 --size 32x48..64x96"),
    ):
        with pytest.raises(UserError, match=told):
            trt.build(source, out, options, real)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_an_unverified_onnx_file_is_not_built(verified, tmp_path):
    source = verified()
    model = onnx.load(source)
    onnx_target._set_facts(model, model.metadata_props[0].value, {"precision": "fp32"})
    onnx.save(model, source)
    with pytest.raises(UserError, match="was not verified"):
        trt.build(source, tmp_path / "a.trt", Options(), Order(flavour="tensorrt"))


@pytest.mark.parametrize(
    ("build", "told"),
    [
        ({"verify": "yes"}, "verify is of the wrong kind"),
        ([], "build facts is of the wrong kind"),
        ({"size": 3}, "size is of the wrong kind"),
        ({"verify": {"agrees": True}}, "says no precision"),
        ({"verify": {"agrees": True}, "precision": "fp8"}, "says no precision"),
    ],
)
def test_an_onnx_file_with_other_build_facts_is_refused(verified, tmp_path, build, told):
    source = verified()
    model = onnx.load(source)
    onnx_target._set_facts(model, model.metadata_props[0].value, build)
    onnx.save(model, source)
    with pytest.raises(UserError, match=told):
        trt.build(source, tmp_path / "a.trt", Options(), Order(flavour="tensorrt"))


@pytest.mark.parametrize("text", ["86", "sm", "sm8x", "ampere", "sm86;sm89"])
def test_what_is_no_gpu_is_refused(text):
    with pytest.raises(UserError, match="is not a list of GPUs"):
        switches.read_architectures(text)
    assert switches.read_architectures("sm86, sm_120,sm86") == (86, 120)


def test_the_builders_switches_are_checked():
    assert switches.read_workspace("workspace:2048") == 2048
    for given in ("2048", "workspace:0", "workspace:x", "dlaSRAM:1"):
        with pytest.raises(UserError, match="--memPoolSize"):
            switches.read_workspace(given)
    with pytest.raises(UserError, match="did you mean 'ampere\\+'"):
        Settings(hardware_compatibility="ampere")
    with pytest.raises(UserError, match="is not 0 to 5"):
        Settings(optimization_level=6)


@needs_rtx
@pytest.mark.parametrize("precision", precisions.names())
def test_rtx_builds_each_precision_for_gpus_that_are_not_there(verified, tmp_path, precision):
    out = tmp_path / "model.trt"
    source = verified(precision, head="mask+confidence")
    trt.build(source, out, Options(), rtx(86, 120))
    opened = artefacts.read(out)
    build = opened.build
    assert (build["flavour"], build["architectures"]) == ("rtx", [86, 120])
    assert build["network"]["convolutions"] == {trt.COMPUTED_IN[precision]: 26}
    assert build["network"]["inputs"] == {"image": ["UINT8", [-1, -1, -1, 3]]}
    assert set(build["network"]["outputs"]) == {"mask", "confidence"}
    assert opened.read("model.onnx") == source.read_bytes()
    assert len(opened.plan()) > 1_000_000
    assert b"INFO" in opened.read("build.log")
    assert out.stat().st_size > sum(map(len, (opened.plan(), source.read_bytes())))


@needs_rtx
def test_an_engine_of_one_size_has_that_size(verified, tmp_path):
    out = tmp_path / "model.trt"
    source = verified("fp16", intake.read("64x96", "2"))
    trt.build(source, out, Options(), rtx(89, workspace=256))
    build = artefacts.read(out).build
    assert build["network"]["inputs"] == {"image": ["UINT8", [2, 64, 96, 3]]}
    assert build["network"]["outputs"] == {"mask": ["UINT8", [2, 64, 96]]}
    assert build["workspace_mib"] == 256
    assert trt.inspect(out)["contract"]["classes"] == ["ground", "wall", "sky"]


@needs_rtx
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"timing_cache": "timing.cache"}, "--timingCacheFile"),
        ({"version_compatible": True}, "--versionCompatible"),
        ({"hardware_compatibility": "ampere+"}, "--hardwareCompatibilityLevel"),
    ],
)
def test_switches_that_rtx_does_not_know_are_refused(tmp_path, given, name):
    with pytest.raises(UserError, match=f"does not know {name}"):
        trt.build(
            tmp_path / "a.ckpt", tmp_path / "a.trt", Options(intake=DYNAMIC), rtx(89, **given)
        )


@needs_rtx
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="wants triton")
def test_the_artefact_holds_paint_for_each_gpu(verified, tmp_path):
    out = tmp_path / "model.trt"
    trt.build(verified(head="logits"), out, Options(), rtx(86, 89))
    opened = artefacts.read(out)
    for architecture in (86, 89):
        plain = json.loads(opened.read(f"paint-sm{architecture}.json"))
        code = opened.read(f"paint-sm{architecture}.cubin")
        assert ahead.cubin_from(plain, code).runs_on(architecture)
        assert code[:4] == b"\x7fELF"


@needs_rtx
def test_float32_is_not_rounded_to_tf32():
    found = flavour.find("rtx")
    log = engine._log(found.module)
    builder = found.module.Builder(log)
    config = builder.create_builder_config()
    assert config.get_flag(found.module.BuilderFlag.TF32)
    engine._configure(found, config, Settings(architectures=(86,)))
    assert not config.get_flag(found.module.BuilderFlag.TF32)


@needs_rtx
def test_gpus_that_rtx_does_not_know_are_told(verified, tmp_path):
    with pytest.raises(UserError, match=r"builds for sm75.*, not for sm90"):
        trt.build(verified(), tmp_path / "a.trt", Options(), rtx(86, 90))


@needs_rtx
def test_an_operator_that_tensorrt_lacks_is_named(tmp_path):
    value = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        [helper.make_node("BitShift", ["image", "image"], ["out"], name="odd", direction="LEFT")],
        "g",
        [value],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    with pytest.raises(UserError, match="does not take this network: BitShift 'odd'"):
        engine.build(flavour.find("rtx"), model.SerializeToString(), DYNAMIC, Settings())


@needs_rtx
def test_an_engine_that_computes_in_another_precision_is_refused(verified, tmp_path):
    source = verified("fp32")
    model = onnx.load(source)
    props = {entry.key: entry.value for entry in model.metadata_props}
    facts = json.loads(props["softres.build"]) | {"precision": "fp16"}
    onnx_target._set_facts(model, props["softres.contract"], facts)
    onnx.save(model, source)
    with pytest.raises(RefusedError, match=r"asked for fp16, but .* compute in {'FLOAT': 26}"):
        trt.build(source, tmp_path / "a.trt", Options(), rtx(86))
    assert not (tmp_path / "a.trt").exists()


@needs_rtx
@pytest.mark.skipif(shutil.which("unzip") is None, reason="wants unzip")
def test_unzip_takes_the_plan_out(verified, tmp_path):
    out = tmp_path / "model.trt"
    trt.build(verified(), out, Options(), rtx(75))
    done = subprocess.run(["unzip", "-p", out, "plan.engine"], capture_output=True, check=True)
    with zipfile.ZipFile(out) as archive:
        assert done.stdout == archive.read("plan.engine")
    assert done.stdout.startswith(artefacts.RTX_BEGINS)
