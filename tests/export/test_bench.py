"""The benchmark compares masks first: what has wrong ones gets no time, and what runs gets all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export import intake, verify
from export.bench import judge, plan, ways
from export.bench.conduct import conduct
from export.bench.judge import Judgement
from export.bench.outcome import Outcome, against_first
from export.bench.plan import Absence, Entry, File, Request
from export.bench.process import Process
from export.bench.row import measured
from export.bench.ways import Job
from export.options import Options
from export.provenance import digest
from export.targets import Answer
from export.targets import onnx as target
from kernels import memory
from kernels.errors import UserError


def moved(artefact, place):
    """The artefact with a weight that is not the checkpoint's."""
    stored = onnx.load(artefact)
    weight = max(stored.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    value = numpy_helper.to_array(weight) + np.float32(0.05)
    weight.CopyFrom(numpy_helper.from_array(value, weight.name))
    onnx.save(stored, place)
    return place


@pytest.fixture(scope="module")
def outcome(artefact, model, tmp_path_factory):
    """A good artefact, a tampered one, and their checkpoint, each called a few times."""
    tampered = moved(artefact, tmp_path_factory.mktemp("bench") / "tampered.onnx")
    return conduct(Request(artefacts=(artefact, tampered), checkpoint=model, pictures=2, seconds=0))


def rows(outcome, file):
    return {row.way: row for row in outcome.rows if row.file == Path(file).name}


def test_a_good_artefact_is_timed_each_way_beside_what_people_use_without_it(
    outcome, artefact, model
):
    assert list(rows(outcome, artefact)) == ["network + paint", "graph"]
    assert list(rows(outcome, model)) == ["PyTorch + interpolate", "PyTorch, full size"]
    for row in (*rows(outcome, artefact).values(), *rows(outcome, model).values()):
        assert row.wrong == ""
        assert row.calls == 5
        assert row.network_ms > 0
        assert row.p50_ms <= row.p99_ms
        assert row.network_ms + row.head_ms == pytest.approx(row.p50_ms)
        assert row.pictures_per_second == pytest.approx(1000 / row.p50_ms)
        assert row.file_mb > 0
        assert 0 <= row.miou <= 1


@pytest.mark.skipif(not memory.can_measure(), reason="wants Linux, which tells a peak of memory")
def test_every_row_has_its_own_height_of_memory(outcome):
    assert all(row.memory_mb > 1 for row in outcome.rows)


def test_a_tampered_artefact_gets_no_time_and_is_told_of(outcome):
    for row in rows(outcome, "tampered.onnx").values():
        assert "pixels differ from torch's" in row.wrong
        assert row.changed > 0
        assert (row.calls, row.p50_ms, row.network_ms, row.times_first) == (0, None, None, None)
        assert f"tampered.onnx, {row.way}, batch 1: not timed" in outcome.markdown()


def test_all_rows_score_the_same_masks_alike(outcome, artefact, model):
    served, alone = rows(outcome, artefact).values()
    assert served.miou == alone.miou
    assert served.changed < 1e-4
    # Another network, as far as its masks go: nothing is said of its pixels.
    assert rows(outcome, model)["PyTorch, full size"].changed is None


def test_json_has_one_shape(outcome, model):
    plain = json.loads(json.dumps(outcome.plain()))
    assert list(plain) == ["facts", "size", "reference", "data", "rows", "not_run", "head"]
    assert plain["reference"] == model.name
    assert plain["size"] == [61, 83]
    assert {"device", "threads", "onnxruntime", "torch"} <= plain["facts"].keys()
    assert {frozenset(row) for row in plain["rows"]} == {
        frozenset(
            {
                *("file", "way", "precision", "batch", "calls", "network_ms", "head_ms"),
                *("p50_ms", "p99_ms", "pictures_per_second", "times_first", "memory_mb"),
                *("file_mb", "changed", "miou", "wrong", "convolutions"),
            }
        )
    }
    (reason,) = {each["reason"] for each in plain["not_run"] if "on CUDA" in each["way"]}
    assert "no CUDA provider" in reason


def test_without_a_checkpoint_the_fp32_artefact_is_the_reference(artefact):
    request = Request(artefacts=(artefact,), data="none", size=(40, 24), batches=(2,), seconds=0)
    told = conduct(request)
    assert (told.reference, told.size) == (artefact.name, (40, 24))
    for row in told.rows:
        assert (row.batch, row.wrong, row.miou) == (2, "", None)
        assert row.changed < 1e-4


def entry(tmp_path, name="model.onnx", **build):
    path = tmp_path / name
    path.write_bytes(bytes(2_000_000))
    return Entry(file=File(path=path, build=build), way="graph", batch=4)


def test_times_are_those_of_the_calls(tmp_path):
    seconds = [(0.010, 0.004), (0.012, 0.006), (0.050, 0.005)]
    row = measured(entry(tmp_path), Judgement(changed=0.5), seconds, memory_mb=7.0)
    assert (row.network_ms, row.head_ms, row.p50_ms) == pytest.approx((5, 7, 12))
    assert 12 < row.p99_ms <= 50
    assert row.pictures_per_second == pytest.approx(4 / 0.012)
    assert (row.calls, row.memory_mb, row.file_mb, row.precision) == (3, 7.0, 2.0, "fp32")


def test_what_is_wrong_has_no_time_though_it_was_called(tmp_path):
    row = measured(entry(tmp_path), Judgement(wrong="differs"), [(1, 1)], memory_mb=7.0)
    assert (row.p50_ms, row.pictures_per_second, row.calls) == (None, None, 0)


def made_up(tmp_path):
    """Rows of fp32, of a fast int8 and of a slow one."""
    base = measured(entry(tmp_path), Judgement(), [(0.1, 0.05)], memory_mb=1.0)
    fast = replace(base, file="fast.onnx", precision="int8", p50_ms=50.0, convolutions=(25, 26))
    slow = replace(base, file="slow.onnx", precision="int8", p50_ms=125.0, convolutions=(9, 26))
    wrong = replace(base, file="wrong.onnx", p50_ms=None, wrong="differs")
    served = replace(base, way="network + paint", p50_ms=40.0)
    absence = Absence(file="model.trt", way="engine", reason="there is no GPU here")
    return Outcome(
        facts={"device": "a CPU"},
        size=(4, 8),
        reference="model.ckpt",
        data="streets val",
        rows=tuple(against_first([base, fast, slow, wrong, served])),
        absent=(absence,),
    )


def test_ratios_are_against_the_first_row(tmp_path):
    ratios = [row.times_first for row in made_up(tmp_path).rows]
    assert ratios == [1, 0.5, 1.25, None, pytest.approx(0.4)]


def test_the_table_says_why_int8_is_slow_and_that_it_is_fast(tmp_path):
    text = made_up(tmp_path).markdown()
    assert "9 of 26 convolutions in 8 bits: the others are float32" in text
    assert "1.25 times as long as fp32" in text
    assert "25 of 26 convolutions in 8 bits, and is 2.00 times as fast as fp32" in text
    assert "- model.trt, engine: not run, there is no GPU here" in text
    assert max(len(line) for line in text.splitlines() if line.startswith("|")) < 110


def test_the_table_says_that_int8_was_not_judged_without_labelled_pictures(tmp_path):
    judged, said = made_up(tmp_path), "nobody judged what int8 loses"
    assert said not in judged.markdown()
    assert said in replace(judged, data="").markdown()


def test_json_has_no_word_for_what_is_no_number(tmp_path):
    rows = (replace(made_up(tmp_path).rows[0], miou=float("nan")),)
    plain = replace(made_up(tmp_path), rows=rows).plain()
    assert json.loads(json.dumps(plain, allow_nan=False))["rows"][0]["miou"] is None


def test_the_table_names_the_faster_head(tmp_path):
    assert made_up(tmp_path).heads() == {
        **{"model.onnx": "network + paint", "fast.onnx": "graph", "slow.onnx": "graph"},
    }


def test_a_file_is_not_run_where_it_does_not_fit(tmp_path):
    fixed = entry(tmp_path, size="32x48", batch="1").file
    request = Request(artefacts=(fixed.path,))
    there, absent = plan.entries([fixed], request, (32, 48))
    assert [each.way for each in there] == ["paint", "graph"]
    there, absent = plan.entries([fixed], request, (64, 48))
    assert there == []
    assert '"size": "32x48"' in absent[1].reason
    two = entry(tmp_path, size="32x48", batch="2").file
    there, absent = plan.entries([two], replace(request, batches=(2,)), (32, 48))
    assert [each.way for each in there] == ["graph"]
    assert "several pictures at once is not served" in absent[0].reason


@pytest.fixture(scope="module")
def one_size(loaded, body, model, tmp_path_factory):
    """An artefact of the same checkpoint for pictures of one size, as it is published."""
    out = tmp_path_factory.mktemp("one") / "one-size.onnx"
    options = Options(intake=intake.read("61x83", "1"))
    onnx.save(target.composed(loaded, body, options, None), out)
    target.stamp(out, {"checkpoint": digest(model), "verify": {"agrees": True}})
    return out


def test_a_graph_for_one_size_runs_each_way_and_is_no_reference_for_others(one_size, artefact):
    asked = Request(artefacts=(one_size, artefact), data="none", size=(61, 83), seconds=0)
    told = conduct(asked)
    assert told.reference == artefact.name
    assert [row.way for row in told.rows] == ["network + paint", "graph"] * 2
    assert {row.wrong for row in told.rows} == {""}


def test_a_reference_that_does_not_take_the_pictures_is_told_of(one_size):
    stand_in, name = judge.reference([plan.File(path=one_size, build=plan._build(one_size))], 1)
    assert name == "one-size.onnx"
    assert verify.torch_logits(stand_in, np.zeros((1, 31, 42, 3), np.uint8)).shape[1] == 3
    with pytest.raises(UserError, match=r"one-size\.onnx does not take such pictures") as caught:
        verify.torch_logits(stand_in, np.zeros((1, 20, 42, 3), np.uint8))
    assert "--checkpoint" in caught.value.hint


def test_logits_of_another_shape_are_wrong_and_not_merely_absent(loaded, artefact):
    class Other:
        def answer(self, pictures):
            size = (len(pictures), 3, 5, 5)
            return Answer(small=np.zeros(1), logits=np.zeros(size, np.float32), mask=None)

    judged = judge.Judge(
        reference=loaded,
        name="model.ckpt",
        options=Options(data="none"),
        labelled=None,
        timed=lambda batch: np.zeros((batch, 8, 8, 3), np.uint8),
    ).judge(Entry(file=File(path=artefact, build={}), way="graph", batch=1), Other())
    assert "its logits are (2, 3, 5, 5)" in judged.wrong or "(1, 3, 5, 5)" in judged.wrong


def test_bfloat16_and_engines_are_not_run_here(tmp_path):
    found = [entry(tmp_path, precision="bf16").file, entry(tmp_path, "model.trt").file]
    there, absent = plan.entries(found, Request(artefacts=()), (32, 48))
    assert there == []
    expected = ["network + paint", "graph", "network on CUDA + paint", "graph on CUDA", "engine"]
    assert [each.way for each in absent] == expected
    assert all(each.reason for each in absent)


def test_artefacts_of_two_checkpoints_are_refused(artefact, tmp_path):
    other = tmp_path / "other.ckpt"
    other.write_bytes(b"another training")
    with pytest.raises(UserError, match="are of two checkpoints"):
        plan.files(Request(artefacts=(artefact,), checkpoint=other))


def test_a_checkpoint_among_the_artefacts_is_refused(model):
    with pytest.raises(UserError, match="bench takes artefacts") as caught:
        plan.files(Request(artefacts=(model,)))
    assert "--checkpoint" in caught.value.hint


@pytest.mark.parametrize(("size", "batch"), [("1x1..2x2", "1"), ("", "1..4"), ("", "1,dynamic")])
def test_ranges_are_no_shapes_to_time(size, batch):
    with pytest.raises(UserError, match="one shape each"):
        plan.request([], None, "", 1, size, batch, 1.0)


def test_the_command_line_asks_for_shapes():
    asked = plan.request([], None, "", 1, "4x8", "4,1", 1.0)
    assert (asked.size, asked.batches) == ((4, 8), (1, 4))


def test_a_file_that_does_not_open_is_an_error_that_says_why(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"\x08\x07 no graph")
    job = Job(way="graph", file=file, threads=1)
    picture = np.zeros((1, 4, 8, 3), np.uint8)
    with Process(job, picture) as process, pytest.raises(UserError, match=r"Decode|Fail|Invalid"):
        process.opened()


def test_a_process_that_ends_says_so(tmp_path, artefact):
    job = Job(way="graph", file=artefact, threads=1)
    with Process(job, np.zeros((1, 8, 8, 3), np.uint8)) as process:
        process.opened()
        process._process.kill()
        with pytest.raises(UserError, match="its process ended with -9"):
            process.times(0)


def test_every_file_in_the_folder_is_a_way_in_the_plan():
    assert sorted(plan.ORDER) == ways.names()
