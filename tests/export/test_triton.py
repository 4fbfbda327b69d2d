"""What is served by Triton is what was verified, said in words that Triton reads."""

import json
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2

from export import geometry, intake, model_config, pbtxt, targets, verify
from export import model_repository as repository
from export.model_config import Serving
from export.options import Options
from export.reverify import reverify
from export.targets import onnx as onnx_target
from export.targets import triton
from export.targets.triton import Order
from kernels import engine as engines
from kernels.contract import Contract
from kernels.errors import UserError

KINDS = {
    "tensor(uint8)": model_config_pb2.TYPE_UINT8,
    "tensor(uint16)": model_config_pb2.TYPE_UINT16,
    "tensor(float)": model_config_pb2.TYPE_FP32,
}
TENSORS = {
    "inputs": {"image": ["UINT8", [-1, -1, -1, 3]]},
    "outputs": {"mask": ["UINT8", [-1, -1, -1]]},
}


def parsed(folder):
    """The configuration, read by Triton's own definition of it."""
    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def add(source, place, *, options=None, **order):
    return triton.build(source, place / "models", options or Options(), Order(**order))


@pytest.fixture
def engine(loaded, tmp_path):
    """Writes a TensorRT artefact around bytes that nobody loads."""

    def write(batch, flavour="tensorrt"):
        facts = {"flavour": flavour, "tensorrt": "10.13.3", "architectures": [90], "batch": batch}
        entries = {engines.PLAN: b"plan", engines.CONTRACT: loaded.contract.to_json().encode()}
        engines.write(tmp_path / "model.trt", entries, facts | {"network": TENSORS})
        return tmp_path / "model.trt"

    return write


@pytest.mark.parametrize(
    ("head", "size", "batch", "most"),
    [
        ("mask", "dynamic", "dynamic", 8),
        ("logits", "dynamic", "1..4", 4),
        ("mask+confidence", "32x48..64x96", "dynamic", 8),
        ("mask", "61x83", "1..16", 16),
        ("logits", "61x83", "dynamic", 8),
        ("mask+confidence", "61x83", "2", 0),
        ("mask", "dynamic", "1", 0),
    ],
)
def test_the_configuration_says_what_the_graph_has(verified, tmp_path, head, size, batch, most):
    source = verified(taken=intake.read(size, batch), head=head)
    place = add(source, tmp_path)
    config, opened = parsed(place.parent), session(place / "model.onnx")
    assert (config.name, config.backend, config.max_batch_size) == ("model", "onnxruntime", most)
    # ONNX Runtime's backend batches only where the graph leaves the first side free.
    assert isinstance(opened.get_inputs()[0].shape[0], str) == (most > 0)
    for ours, theirs in (
        (config.input, opened.get_inputs()),
        (config.output, opened.get_outputs()),
    ):
        assert [tensor.name for tensor in ours] == [tensor.name for tensor in theirs]
        for tensor, real in zip(ours, theirs, strict=True):
            sides = [-1 if isinstance(side, str) else side for side in real.shape]
            assert [-1] * (most > 0) + list(tensor.dims) == sides
            assert tensor.data_type == KINDS[real.type]
    assert config.HasField("dynamic_batching") == (most > 1)
    assert place.name == "1"


def test_the_contract_is_in_the_configuration_beside_it_and_in_the_file(verified, loaded, tmp_path):
    place = add(verified(), tmp_path)
    folder, text = place.parent, loaded.contract.to_json()
    assert parsed(folder).parameters["softres.contract"].string_value == text
    assert (folder / "contract.json").read_text(encoding="utf-8") == text
    assert (folder / "labels.txt").read_text() == "ground\nwall\nsky\n"
    props = {entry.key: entry.value for entry in onnx.load(place / "model.onnx").metadata_props}
    assert props["softres.contract"] == text
    assert json.loads((place / "build.json").read_text())["build"]["verify"] == {"agrees": True}


def test_a_batch_of_requests_has_the_masks_that_each_has_alone(verified, tmp_path):
    source = verified(taken=intake.Intake())
    place = add(source, tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 61, 83, 3), dtype=np.uint8)
    (together,) = session(place / "model.onnx").run(["mask"], {"image": pictures})
    for mask, picture in zip(together, pictures, strict=True):
        alone = onnx_target.opened(source)(picture[None])
        assert len(verify.unexplained(alone.logits[0], alone.mask[0], mask)) == 0


def test_more_than_256_classes_are_served_in_16_bits(tmp_path):
    many = tuple(f"class {index}" for index in range(300))
    contract = Contract(
        classes=many, palette=((0, 0, 0),) * 300, factor=Fraction(1), ignore=65535, writer="test"
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", sides, "h", "w"])
        for name, sides in (("picture", 3), ("scores", 300))
    ]
    weight = onnx.numpy_helper.from_array(np.ones((300, 3, 1, 1), np.float32), "weight")
    node = helper.make_node("Conv", ["picture", "weight"], ["scores"])
    graph = helper.make_graph([node], "body", ends[:1], ends[1:], [weight])
    body = geometry.Body(
        model=helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10),
        mean=np.zeros(3, np.float32),
        spread=np.ones(3, np.float32),
        multiple=1,
        stride=1,
    )
    model = geometry.around(body, contract)
    onnx_target._set_facts(model, contract.to_json(), {"verify": {"agrees": True}})
    onnx.save(model, tmp_path / "many.onnx")
    place = add(tmp_path / "many.onnx", tmp_path)
    (mask,) = session(place / "model.onnx").get_outputs()
    assert parsed(place.parent).output[0].data_type == KINDS[mask.type] == KINDS["tensor(uint16)"]


def test_what_triton_is_told_of_running_it(verified, tmp_path):
    serving = Serving(preferred=(2, 4), delay=100, device="cpu", instances=3, threads=2)
    config = parsed(add(verified(), tmp_path, serving=serving).parent)
    assert list(config.dynamic_batching.preferred_batch_size) == [2, 4]
    assert config.dynamic_batching.max_queue_delay_microseconds == 100
    (group,) = config.instance_group
    assert (group.kind, group.count) == (model_config_pb2.ModelInstanceGroup.KIND_CPU, 3)
    assert config.parameters["intra_op_thread_count"].string_value == "2"
    assert config.version_policy.latest.num_versions == 1
    serving = Serving(device="gpu", gpus=(0, 2))
    config = parsed(add(verified(), tmp_path, name="other", max_batch=3, serving=serving).parent)
    assert list(config.instance_group[0].gpus) == [0, 2]
    assert (config.name, config.max_batch_size) == ("other", 3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"instances": 0}, "--instances 0 is not 1 or more"),
        ({"delay": -1}, "--delay -1 is not 0 or more"),
        ({"gpus": (0,)}, "--gpus is for --device gpu"),
    ],
)
def test_what_cannot_be_run_so_is_refused(given, says):
    with pytest.raises(UserError, match=says):
        Serving(**given)


def test_batches_that_the_model_does_not_take_are_refused(verified, tmp_path):
    two, ranged = intake.read("dynamic", "2"), intake.read("dynamic", "1..4")
    for taken, order, says in (
        (two, {"max_batch": 4}, "takes 2 at once, neither more nor fewer"),
        (two, {"serving": Serving(delay=9)}, "--preferred and --delay are for models"),
        (ranged, {"max_batch": 5}, "takes 4 at most"),
        (ranged, {"max_batch": 0}, "is not 1 or more"),
        (ranged, {"serving": Serving(preferred=(8,))}, "--preferred 8 is not a batch of 1 to 4"),
        (intake.read("dynamic", "2..4"), {}, "takes 2 to 4 pictures, and Triton also sends fewer"),
    ):
        with pytest.raises(UserError, match=says):
            add(verified(taken=taken), tmp_path, **order)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_the_plan_of_an_engine_is_served_as_it_is(engine, tmp_path, capsys):
    place = add(engine("1..8"), tmp_path)
    config = parsed(place.parent)
    assert (place / "model.plan").read_bytes() == b"plan"
    assert (config.backend, config.max_batch_size) == ("tensorrt", 8)
    assert config.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    assert list(config.input[0].dims) == [-1, -1, 3]
    assert "wants a Triton with TensorRT 10.13.3 and a GPU of sm90" in capsys.readouterr().err
    # A profile of one number of pictures takes that one alone.
    config = parsed(add(engine("4"), tmp_path, name="four").parent)
    assert (config.max_batch_size, list(config.input[0].dims)) == (0, [4, -1, -1, 3])


def test_an_engine_that_does_not_say_what_it_takes_is_refused(engine, tmp_path):
    source = engine("1..8")
    opened = engines.read(source)
    for lacking in ("batch", "network"):
        facts = {k: v for k, v in opened.build.items() if k not in ("sha256", lacking)}
        entries = {engines.PLAN: b"plan", engines.CONTRACT: opened.contract.encode()}
        engines.write(source, entries, facts)
        with pytest.raises(UserError, match=f"do not say what it takes.*{lacking}"):
            add(source, tmp_path)
    engines.write(source, entries, opened.build | {"network": {"inputs": "image", "outputs": []}})
    with pytest.raises(UserError, match="do not say what it takes"):
        add(source, tmp_path)


def test_an_engine_of_tensorrt_rtx_or_for_a_cpu_is_refused(engine, tmp_path):
    with pytest.raises(UserError, match="an engine of rtx; Triton's backend loads TensorRT's own"):
        add(engine("1..8", flavour="rtx"), tmp_path)
    with pytest.raises(UserError, match="an engine runs on a GPU"):
        add(engine("1..8"), tmp_path, serving=Serving(device="cpu"))
    assert not (tmp_path / "models").exists()


def test_bf16_is_served_on_a_gpu_alone(verified, tmp_path):
    source = verified("bf16")
    with pytest.raises(UserError, match="does not convolve in bf16 on a CPU"):
        add(source, tmp_path)
    assert add(source, tmp_path, serving=Serving(device="gpu")).name == "1"


def test_a_second_export_adds_a_version_and_touches_nothing_else(verified, tmp_path, capsys):
    first = add(verified(), tmp_path)
    config = first.parent / "config.pbtxt"
    # Whoever runs the server tunes it.
    config.write_text(config.read_text() + "# tuned\n")
    before = {path: path.read_bytes() for path in first.parent.rglob("*") if path.is_file()}
    second = add(verified("fp16"), tmp_path, name="model")
    assert second == first.parent / "2"
    assert f"{config} stays as it is" in capsys.readouterr().err
    assert all(path.read_bytes() == content for path, content in before.items())
    assert sorted(path.name for path in second.iterdir()) == ["build.json", "model.onnx"]
    assert add(verified(), tmp_path, version=7).name == "7"
    assert add(verified(), tmp_path, version=5).name == "5"
    assert "goes on answering with version 7" in capsys.readouterr().err
    with pytest.raises(UserError, match="version 5 is there, and versions are never replaced"):
        add(verified(), tmp_path, version=5)
    assert add(verified(), tmp_path).name == "8"


def test_what_clients_would_tell_apart_is_no_version_of_the_model(verified, tmp_path):
    folder = add(verified(), tmp_path).parent
    with pytest.raises(UserError, match=r"its outputs differs: .* in version 1, now .*confidence"):
        add(verified(head="mask+confidence"), tmp_path)
    with pytest.raises(UserError, match="its max_batch_size differs: 4 in version 1, now 2"):
        add(verified(), tmp_path, max_batch=2)
    assert repository.versions(folder) == [1]
    (folder / "1" / "build.json").write_text("{}")
    with pytest.raises(UserError, match=r"build\.json: not what this program writes"):
        add(verified(), tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", ".hidden", "dot.", "ü", "x" * 200])
def test_names_that_are_no_folder_or_no_address_are_refused(name):
    with pytest.raises(UserError, match="cannot be the name of a served model"):
        triton._name(name)
    assert triton._name("model-1.2_b") == "model-1.2_b"


def test_a_place_that_cannot_hold_the_model_is_told_before_any_work(tmp_path):
    (tmp_path / "models" / "model").mkdir(parents=True)
    (tmp_path / "models" / "model" / "mine.txt").write_text("mine")
    gone = tmp_path / "model.ckpt"
    with pytest.raises(UserError, match="is there, and no model that this program wrote"):
        add(gone, tmp_path)
    with pytest.raises(UserError, match="--version 0 is not a version"):
        add(gone, tmp_path, name="new", version=0)
    with pytest.raises(UserError, match="is where a file system begins"):
        triton.build(gone, Path("/"), Options(), Order(name="new"))
    file = tmp_path / "models" / "model" / "mine.txt"
    with pytest.raises(UserError, match=r"mine\.txt: is there, and no folder"):
        triton.build(gone, file, Options(), Order(name="new"))


def test_options_of_checkpoints_are_refused_with_an_artefact(verified, tmp_path):
    for options, flag in (
        (Options(head="logits"), "--head is"),
        (Options(intake=intake.read("64x96", "1")), "--size or --batch is"),
    ):
        with pytest.raises(UserError, match=f"{flag} for checkpoints"):
            add(verified(), tmp_path, options=options)


def test_a_checkpoint_is_verified_and_then_served(model, tmp_path):
    options = Options(intake=intake.read("32x48", "1"), data="none")
    place = add(model, tmp_path, options=options)
    held = json.loads((place / "build.json").read_text())
    assert held["build"]["verify"]["agrees"]
    assert held["model"]["inputs"] == {"image": ["UINT8", [1, 32, 48, 3]]}
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_the_command_needs_no_torch(verified, tmp_path):
    verified()
    code = "import sys; sys.modules['torch'] = None; from export.__main__ import main; main()"

    def run(*words):
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = run("triton", "model.onnx", "--preferred", "2,4", "--name", "street")
    assert done.stdout == "models/street/1\n", done.stderr
    config = parsed(tmp_path / "models" / "street")
    assert list(config.dynamic_batching.preferred_batch_size) == [2, 4]
    done = run("triton", "model.onnx", "--gpus", "0;1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--gpus 0;1 is not a list of numbers" in done.stderr


def test_inspect_reads_the_folder_or_its_configuration(verified, tmp_path):
    folder = add(verified(), tmp_path).parent
    told = targets.of(folder).inspect(folder)
    assert told == targets.of(folder / "config.pbtxt").inspect(folder / "config.pbtxt")
    assert (told["name"], told["versions"], told["backend"]) == ("model", [1], "onnxruntime")
    assert told["contract"]["classes"] == ["ground", "wall", "sky"]
    assert told["build"]["verify"] == {"agrees": True}
    (folder / "1").rename(folder / "one")
    with pytest.raises(UserError, match="but no version of a model"):
        triton.inspect(folder)


def test_verify_wants_the_file_in_the_folder(verified, tmp_path):
    folder = add(verified(), tmp_path).parent
    with pytest.raises(UserError, match="what is verified is the ONNX artefact") as caught:
        reverify(folder, None, "", 1)
    assert caught.value.hint.startswith("name its model.onnx")


KILLED = """
import json, os, signal, sys
from pathlib import Path
from export.options import Options
from export.targets import triton

source, place = Path(sys.argv[1]), Path(sys.argv[2])
TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}


def killed_at(moment):
    seen = 0

    def watch(event, arguments):
        nonlocal seen
        if event in TOUCHES and str(place) in str(arguments[0]):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    triton.build(source, place / "models", Options(), triton.Order())


def run(moment):
    child = os.fork()
    if not child:
        killed_at(moment)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found = [path for path in (place / "models").rglob("*") if path.is_file()]
    print(json.dumps([status, sorted(str(path.relative_to(place / "models")) for path in found)]))
    return status


for _ in ("the first version", "the next one"):
    moment = 1
    while run(moment):
        moment += 1
"""


def test_a_kill_at_any_moment_leaves_whole_versions_or_none(verified, tmp_path):
    source, place = verified(), tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, source, place], capture_output=True, text=True
    )
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert {status for status, _ in ended} == {0, signal.SIGKILL}, done.stderr
    shared = {f"model/{name}" for name in ("config.pbtxt", "contract.json", "labels.txt")}
    numbers = []
    for _, files in ended:
        there = {path.split("/")[1] for path in {*files} - shared}
        own = {f"model/{each}/{name}" for each in there for name in ("build.json", "model.onnx")}
        assert {*files} == (own | shared if there else set())
        numbers.append(len(there))
    # Each of both ends well once; before that most kills come too early, the last ones too late.
    first = [status for status, _ in ended].index(0)
    assert (numbers[0], numbers[first + 1]) == (0, numbers[first])
    assert numbers[-1] > numbers[first] > 0
    for copy in (place / "models").rglob("model.onnx"):
        assert copy.read_bytes() == source.read_bytes()
    assert [path.name for path in (place / "models").iterdir()] == ["model"]


def test_texts_of_every_kind_come_back_from_the_text_format():
    text = "".join(map(chr, range(256))) + '\\"\\n \\001 Straße 街'
    message = pbtxt.text({"name": text, "parameters": [{"key": text}], "max_batch_size": -1})
    config = text_format.Parse(message, model_config_pb2.ModelConfig())
    assert (config.name, config.max_batch_size) == (text, -1)
    assert list(config.parameters) == [text]


def test_every_kind_of_tensor_is_one_that_triton_knows():
    known = model_config_pb2.DataType.keys()
    assert set(model_config.KINDS.values()) <= set(known)
