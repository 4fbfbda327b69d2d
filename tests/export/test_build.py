"""Nothing is published that disagrees with the checkpoint, and everything says what it is."""

import hashlib
import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from export import build as building
from export import intake, samples, targets, verify
from export.__main__ import main
from export.options import Options
from export.report import Report
from export.reverify import reverify
from export.targets import onnx as target
from kernels.errors import RefusedError, UserError
from serve.segment import Segmenter
from trainer import checkpoint


def export(*words, cwd):
    """The command line in this process: importing torch anew each time takes seconds."""
    told, code = (StringIO(), StringIO()), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told[0]), redirect_stderr(told[1]):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["export", *map(str, words)])
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    stdout, stderr = (each.getvalue() for each in told)
    return subprocess.CompletedProcess(words, code, stdout, stderr)


def test_an_artefact_runs_alone_at_any_batch_and_size(artefact):
    session = onnxruntime.InferenceSession(artefact, providers=["CPUExecutionProvider"])
    (image,), (mask,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["N", "H", "W", 3])
    assert (mask.name, mask.type, mask.shape) == ("mask", "tensor(uint8)", ["N", "H", "W"])
    for shape in [(1, 64, 64, 3), (3, 61, 83, 3), (1, 1, 1, 3), (2, 200, 31, 3)]:
        picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        (answer,) = session.run(None, {"image": picture})
        assert answer.shape == shape[:3]
        assert answer.max() < 3


def test_the_contract_in_the_artefact_is_the_checkpoints_byte_for_byte(model, artefact):
    props = {entry.key: entry.value for entry in onnx.load(artefact).metadata_props}
    assert props[target.CONTRACT_KEY] == checkpoint.load(model).contract.to_json()
    assert json.loads(props[target.BUILD_KEY])["precision"] == "fp32"


def test_the_graph_has_standard_operators_only(artefact):
    stored = onnx.load(artefact)
    assert {entry.domain for entry in stored.opset_import} == {""}
    assert not stored.functions
    assert {node.domain for node in stored.graph.node} == {""}


def perturbed(stored):
    """A weight is moved."""
    weight = max(stored.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    moved = numpy_helper.to_array(weight) + np.float32(0.05)
    weight.CopyFrom(numpy_helper.from_array(moved, weight.name))


def perturbed_once(stored):
    """One number of one weight is moved."""
    weight = max(stored.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    moved = numpy_helper.to_array(weight).copy()
    moved.flat[moved.size // 2] += 0.5
    weight.CopyFrom(numpy_helper.from_array(moved, weight.name))


def halved(stored):
    """Weights went through half precision."""
    for weight in stored.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32:
            rounded = values.astype(np.float16).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(rounded, weight.name))


def shrunk_otherwise(stored):
    """Halves are rounded another way."""
    (tie,) = (node for node in stored.graph.node if node.op_type == "Equal")
    tie.op_type = "Less"


def painted_otherwise(stored):
    """The head up-samples with other corners."""
    (resize,) = (node for node in stored.graph.node if node.name.startswith("paint/Resize"))
    for attribute in resize.attribute:
        if attribute.s == b"half_pixel":
            attribute.s = b"align_corners"


@pytest.fixture
def spoil_writing(monkeypatch, artefact):
    """Makes the exporter write a good file and then damage it."""

    def use(damage):
        def write(loaded, path, options):
            stored = onnx.load(artefact)
            damage(stored)
            onnx.save(stored, path)

        monkeypatch.setattr(target, "write", write)

    return use


@pytest.mark.parametrize(
    "damage", [perturbed, perturbed_once, halved, shrunk_otherwise, painted_otherwise]
)
def test_a_broken_export_is_refused_and_leaves_no_file(model, tmp_path, spoil_writing, damage):
    spoil_writing(damage)
    with pytest.raises(RefusedError, match="was not written, because it disagrees") as caught:
        building.build("onnx", model, tmp_path / "broken.onnx")
    assert caught.value.hint.startswith(
        f"{tmp_path / 'broken.onnx'}.verify.json says where; a network"
    )
    (kept,) = tmp_path.iterdir()
    assert kept.name == "broken.onnx.verify.json"
    assert json.loads(kept.read_text())["objections"]


def test_a_broken_export_keeps_the_artefact_before_it(model, tmp_path, spoil_writing):
    out = tmp_path / "model.onnx"
    out.write_bytes(b"the one before")
    spoil_writing(perturbed)
    with pytest.raises(RefusedError):
        building.build("onnx", model, out)
    assert out.read_bytes() == b"the one before"


def test_an_undamaged_file_passes_the_same_way(model, tmp_path, spoil_writing):
    spoil_writing(lambda stored: None)
    assert building.build("onnx", model, tmp_path / "good.onnx").agrees


def test_a_fixed_size_and_batch_another_head_and_fp16_go_together(model, tmp_path):
    out, taken = tmp_path / "fixed.onnx", intake.read("61x83", "2")
    options = Options(intake=taken, head="mask+confidence", precision="fp16")
    told = building.build("onnx", model, out, options)
    assert told.sample.verdict.pictures == 2
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    assert [value.shape for value in session.get_inputs()] == [[2, 61, 83, 3]]
    assert {value.name: value.shape for value in session.get_outputs()} == {
        "mask": [2, 61, 83],
        "confidence": [2, 61, 83],
    }
    facts = target.inspect(out)
    assert "Shape" not in facts["operators"]
    build = facts["build"]
    assert (build["precision"], build["size"], build["batch"]) == ("fp16", "61x83", "2")
    assert (build["opset"], build["steps"]) == (facts["opset"], 12)
    assert build["recipe"] == checkpoint.load(model).recipe.plain()
    assert build["checkpoint"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert build["verify"]["labelled"]["data"].endswith(" val")
    assert build["verify"]["structured"]["mispainted"] == 0


def test_int8_is_calibrated_on_the_recipes_training_pictures(model, tmp_path, monkeypatch, body):
    out = tmp_path / "small.onnx"
    monkeypatch.setattr(target, "trace", lambda *given: body)
    options = Options(precision="int8", head="logits", calibration=3, accept=True)
    building.build("onnx", model, out, options)
    facts = target.inspect(out)
    assert facts["outputs"] == {"logits": "float32 [N,3,h,w]"}
    assert facts["build"]["calibration"]["pictures"] == 3
    assert facts["build"]["calibration"]["data"] == checkpoint.load(model).recipe.data + " train"
    assert out.stat().st_size < model.stat().st_size / 3


def test_int8_without_pictures_is_told_so_before_the_work(model, tmp_path, monkeypatch):
    out = tmp_path / "small.onnx"
    monkeypatch.delattr(target, "trace")
    with pytest.raises(UserError, match="must see training pictures"):
        building.build("onnx", model, out, Options(precision="int8", data="none"))
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_of_other_classes_is_refused(model, tmp_path, folder):
    (folder / "classes.json").write_text('["one", "two", "three"]')
    with pytest.raises(UserError, match="has other classes than the checkpoint"):
        samples.held_out(checkpoint.load(model), Options(data=f"folder:{folder}"))


def test_a_recipes_data_that_is_gone_is_no_error_but_a_named_one_is(model, tmp_path, capsys):
    loaded = checkpoint.load(model)
    gone = replace(loaded, recipe=replace(loaded.recipe, data=f"folder:{tmp_path / 'gone'}"))
    assert samples.held_out(gone, Options()) is None
    assert "no such folder" in capsys.readouterr().err
    with pytest.raises(UserError, match="no such folder"):
        samples.held_out(loaded, Options(data=f"folder:{tmp_path / 'gone'}"))


WATCHED = """
import os, signal, sys
from pathlib import Path
from export.__main__ import main

out, last = Path(sys.argv.pop()), sys.argv.pop()
busy = False


def watch(event, arguments):
    global busy
    touches = event in ("open", "os.mkdir", "os.rename", "os.remove")
    if busy or not touches or str(out.parent) not in str(arguments[0]):
        return
    busy = True
    print(event, out.read_bytes().hex() if out.exists() else "nothing", flush=True)
    if event == last:
        os.kill(os.getpid(), signal.SIGKILL)
    busy = False


sys.addaudithook(watch)
main()
"""


def test_at_every_moment_of_an_export_the_artefact_is_the_old_or_the_new_one(model, tmp_path):
    """What lies there at a moment is what a kill at that moment leaves; the last one is killed."""
    out = tmp_path / "model.onnx"
    words = ["onnx", model, "--size", "32x48", "--batch", "1", "--data", "none", "--out", out]

    def moments(last):
        command = [sys.executable, "-c", WATCHED, *map(str, words), last, str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        seen = [line.split() for line in done.stdout.splitlines() if " " in line]
        return done.returncode, [event for event, _ in seen], [held for _, held in seen]

    status, events, held = moments("os.rename")
    assert status == -signal.SIGKILL
    assert events.count("open") > 4
    assert {*held} == {"nothing"}
    # The half-done file is in nobody's way.
    (litter,) = tmp_path.iterdir()
    assert litter.name.startswith(".")
    out.write_bytes(b"the one before")
    status, events, held = moments("never")
    assert status == 0
    assert {*held} == {b"the one before".hex(), out.read_bytes().hex()}
    assert held[: events.index("os.rename") + 1].count(held[0]) == events.index("os.rename") + 1
    assert {*tmp_path.iterdir()} == {litter, out}
    assert target.inspect(out)["build"]["verify"]["agrees"]


def test_an_artefact_is_verified_again_beside_its_checkpoint(artefact, model, tmp_path):
    told = reverify(artefact, None, "", 1)
    assert told.agrees
    assert told.sample.verdict.pictures == 1
    stored = onnx.load(artefact)
    perturbed(stored)
    onnx.save(stored, tmp_path / "spoilt.onnx")
    with pytest.raises(RefusedError, match="disagrees with") as caught:
        reverify(tmp_path / "spoilt.onnx", model, "none", 1)
    assert caught.value.exit_code == 1
    report = json.loads((tmp_path / "spoilt.onnx.verify.json").read_text())
    assert not report["agrees"]


def test_an_artefact_is_not_compared_with_another_checkpoint(artefact, tmp_path):
    with pytest.raises(UserError, match="no such checkpoint"):
        reverify(artefact, tmp_path / "gone.ckpt", "", 1)
    (tmp_path / "other.ckpt").write_bytes(b"other")
    with pytest.raises(UserError, match="was exported from another checkpoint: sha256"):
        reverify(artefact, tmp_path / "other.ckpt", "", 1)


def test_verify_on_the_command_line_gives_json(artefact, model, tmp_path):
    words = ("verify", artefact, "--checkpoint", model, "--data", "none", "--json")
    done = export(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["structured"]["small_differs"] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--precision", "fp8"), "unknown precision 'fp8'"),
        (("--head", "masks"), "did you mean 'mask'"),
        (("--size", "big"), "is not a size of pictures"),
        (("--pictures", "0"), "--pictures 0 is not 1 or more"),
    ],
)
def test_options_that_mean_nothing_are_told_before_any_work(tmp_path, words, says):
    done = export("onnx", "nothing.ckpt", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_only_near_ties_are_explained():
    logits = np.zeros((2, 1, 3), np.float32)
    logits[0, 0] = [1, 1e-7, -1]
    ours = np.array([[0, 0, 1]], np.uint8)
    assert len(verify.unexplained(logits, ours, 1 - ours)) == 2
    assert len(verify.unexplained(logits, ours, np.array([[0, 1, 1]], np.uint8))) == 0
    assert len(verify.unexplained(logits, ours, ours)) == 0


def test_the_checkpoint_itself_is_never_overwritten(model, tmp_path):
    content = model.read_bytes()
    for name in ("model.ckpt", "model.bin"):
        (tmp_path / name).write_bytes(content)
        done = export("onnx", name, "--out", name, cwd=tmp_path)
        assert done.returncode == 2
        assert "is the checkpoint itself" in done.stderr
        assert (tmp_path / name).read_bytes() == content


def test_a_report_of_logits_that_are_no_numbers_is_json():
    verdict = verify.Verdict(
        pictures=1,
        pixels=1,
        small_differs=0,
        logit_error=float("inf"),
        logit_size=1.0,
        changed=0,
        unexplained=0,
    )
    plain = json.dumps(Report(precision="fp16", verdict=verdict).plain(), allow_nan=False)
    assert json.loads(plain)["structured"]["logit_error"] is None
    assert "no numbers" in json.loads(plain)["objections"][0]


def test_a_verdict_with_nan_disagrees():
    verdict = verify.Verdict(
        pictures=1,
        pixels=1,
        small_differs=0,
        logit_error=float("nan"),
        logit_size=1.0,
        changed=0,
        unexplained=0,
    )
    assert not verdict.agrees
    assert not (verdict + verdict).agrees


@pytest.mark.parametrize("way", ["export", "trainer"])
def test_the_command_prints_the_file_and_what_was_verified(model, tmp_path, way):
    words = ("export", "onnx") if way == "trainer" else ("onnx",)
    command = [sys.executable, "-m", way, *words, str(model), "--out", "new.onnx"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "new.onnx\n"
    assert done.stderr.startswith("verified: ")
    assert "on 6 pictures" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["new.onnx"]


def test_another_suffix_than_the_targets_is_refused(model, tmp_path):
    done = export("onnx", model, "--out", "model.pt", cwd=tmp_path)
    assert done.returncode == 2
    assert "does not end in .onnx" in done.stderr


def test_an_artefact_given_as_checkpoint_is_told_apart(artefact, tmp_path):
    done = export("onnx", artefact, cwd=tmp_path)
    assert done.returncode == 2
    assert "an artefact, not a checkpoint" in done.stderr


def test_inspect_reads_artefacts_and_checkpoints(model, artefact, tmp_path):
    told = json.loads(export("inspect", artefact, "--json", cwd=tmp_path).stdout)
    assert told["inputs"] == {"image": "uint8 [N,H,W,3]"}
    assert told["outputs"] == {"mask": "uint8 [N,H,W]"}
    assert told["contract"]["classes"] == ["ground", "wall", "sky"]
    assert told["bytes"] == artefact.stat().st_size
    told = json.loads(export("inspect", model, "--json", cwd=tmp_path).stdout)
    assert told["recipe"]["factor"] == told["contract"]["factor"] == "1/2"
    assert "classes: ground, wall, sky" in export("inspect", artefact, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("nothing.onnx", None, "no such file"),
        ("model.onnx", b"garbage", "not a readable ONNX file"),
        ("MODEL.ONNX", b"", "not a readable ONNX file"),
        ("model.txt", b"hello", "neither a checkpoint"),
        ("model.ckpt", b"hello", "not a softres checkpoint"),
    ],
)
def test_inspect_refuses_what_it_cannot_read(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = export("inspect", name, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_foreign_onnx_file_is_told_apart(tmp_path, artefact):
    stored = onnx.load(artefact)
    del stored.metadata_props[:]
    onnx.save(stored, tmp_path / "foreign.onnx")
    assert "without a softres contract" in export("inspect", "foreign.onnx", cwd=tmp_path).stderr


@pytest.mark.parametrize("key", [target.CONTRACT_KEY, target.BUILD_KEY])
def test_damaged_facts_are_named_with_their_file(tmp_path, artefact, key):
    stored = onnx.load(artefact)
    (entry,) = (entry for entry in stored.metadata_props if entry.key == key)
    entry.value = "{"
    onnx.save(stored, tmp_path / "damaged.onnx")
    done = export("inspect", "damaged.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: damaged.onnx: " in done.stderr


def test_a_missing_checkpoint_and_an_unknown_target_are_named(tmp_path):
    assert "no such checkpoint" in export("onnx", "nothing.ckpt", cwd=tmp_path).stderr
    assert "no such checkpoint" in export("onnx", ".", cwd=tmp_path).stderr
    done = export("onxx", "model.ckpt", cwd=tmp_path)
    assert done.returncode == 2
    assert "onxx" in done.stderr


@pytest.mark.parametrize("name", targets.names())
def test_every_target_offers_what_the_builder_asks_for(name):
    module = targets.find(name)
    assert module.SUFFIX.startswith(".")
    assert isinstance(module, targets.Runnable if name == "onnx" else targets.Target)


def test_what_is_exported_for_one_size_is_served_at_that_size(loaded, body, artefact, tmp_path):
    taken, out = intake.read("61x83", "1"), tmp_path / "one.onnx"
    onnx.save(target.composed(loaded, body, Options(intake=taken), None), out)
    one, any_size = Segmenter(out), Segmenter(artefact)
    picture = verify.pictures(taken)[0][0]
    assert one.runtime.size == (61, 83)
    assert np.array_equal(one.mask(picture), any_size.mask(picture))
