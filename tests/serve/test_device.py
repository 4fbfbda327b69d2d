"""`serve.device` calls pycuda as the compiled kernel wants it, with a recording in its place."""

import sys
import types
import weakref

import numpy as np
import pytest

from kernels import ahead, paint
from kernels.errors import UserError
from serve import device

NUMBERS = ("rows", "columns", "height", "width", "top", "left", "out_height", "out_width")
CUBIN = ahead.Cubin(
    architecture=80,
    name="paint_kernel",
    code=b"\x7fELF",
    arguments=tuple(
        ahead.Argument(name=name, kind=kind)
        for name, kind in [
            ("logits", "*fp32"),
            ("mask", "*u8"),
            ("margin", "*u8"),
            *((name, "i32") for name in (*NUMBERS, "first_cell", "runs")),
            ("global_scratch", "*u8"),
            ("profile_scratch", "*u8"),
        ]
    ),
    warps=4,
    shared=2048,
    registers=100,
    spills=0,
    constants=ahead.paint_constants(5),
)


class Recording:
    """As much of `pycuda.driver` as is used; it writes down every call."""

    class Error(Exception):
        pass

    def __init__(self, capability=(8, 9), count=1, broken=False):
        self.calls, self.capability, self.broken = [], capability, broken
        self.Device = type("Device", (), {"count": staticmethod(lambda: count)})
        self.Device.__init__ = lambda this, index: None
        self.Device.compute_capability = lambda this: capability
        self.Device.name = lambda this: "a recording"
        self.Device.retain_primary_context = lambda this: self._noting("context", "push", "pop")
        self._next = 0x1000

    def _noting(self, what, *names):
        notes = {name: (lambda this, name=name: self.calls.append((what, name))) for name in names}
        return type(what, (), notes)()

    def init(self):
        if self.broken:
            raise self.Error("no device")

    def module_from_buffer(self, code):
        self.calls.append(("module", code))
        return types.SimpleNamespace(get_function=lambda name: self._function(name))

    def _function(self, name):
        self.calls.append(("function", name))

        def launch(*values, **options):
            # Not the stream itself: a recording must not keep alive what it watches.
            options["stream"] = id(options["stream"])
            self.calls.append(("launch", values, options))

        return launch

    def Stream(self):  # noqa: N802
        stream = self._noting("stream", "synchronize")
        weakref.finalize(stream, self.calls.append, ("stream", "gone"))
        return stream

    def mem_alloc(self, size):
        self._next += 0x1000
        self.calls.append(("alloc", size))

        class Allocation(int):
            free = lambda this: self.calls.append(("free", int(this)))  # noqa: E731

        return Allocation(self._next)

    def pagelocked_empty(self, shape, kind):
        mask = np.zeros(shape, kind)
        weakref.finalize(mask, self.calls.append, ("page-locked", "gone"))
        return mask

    def memcpy_htod_async(self, to, source, stream):
        self.calls.append(("to gpu", int(to), source.flags.c_contiguous))

    def memcpy_dtoh_async(self, to, source, stream):
        to[:] = 3
        self.calls.append(("from gpu", to.nbytes, int(source)))


@pytest.fixture
def pycuda(monkeypatch):
    def install(**options):
        recording = Recording(**options)
        package = types.ModuleType("pycuda")
        package.driver = recording
        monkeypatch.setitem(sys.modules, "pycuda", package)
        monkeypatch.setitem(sys.modules, "pycuda.driver", recording)
        return recording

    return install


def test_a_call_loads_launches_and_fetches_the_mask_alone(pycuda):
    recording = pycuda()
    painter = device.Painter(CUBIN)
    mask = painter.paint(np.zeros((5, 4, 6), np.float32), (40, 61))
    launch = ahead.paint_launch(1, (4, 6), (40, 61))
    names = [call[0] for call in recording.calls]
    assert names == [
        *("context", "module", "function", "context"),
        *("context", "alloc", "alloc", "to gpu", "launch", "from gpu", "stream"),
        *("free", "free", "page-locked", "stream", "context"),
    ]
    # Given back while the context is current: afterwards pycuda could not.
    assert recording.calls[-1] == ("context", "pop")
    assert set(recording.calls[-3:-1]) == {("page-locked", "gone"), ("stream", "gone")}
    assert ("from gpu", 40 * 61, 0x2000) in recording.calls
    (_, values, options) = next(call for call in recording.calls if call[0] == "launch")
    assert [int(value) for value in values] == [0x3000, 0x2000, 0x2000, *launch.numbers, 0, 0]
    for value, argument in zip(values, CUBIN.arguments, strict=True):
        assert type(value) is (np.uintp if argument.kind.startswith("*") else np.int32)
    assert options["block"] == (32 * CUBIN.warps, 1, 1)
    assert options["grid"] == launch.grid
    assert options["shared"] == CUBIN.shared
    assert mask.shape == (40, 61)
    assert (mask == 3).all()


def test_logits_on_the_gpu_are_neither_copied_nor_freed(pycuda):
    recording = pycuda()
    stream = recording.Stream()
    painter = device.Painter(CUBIN)
    painter.paint(0xABC0, (8, 9), shape=(5, 2, 3), window=(1, 2, 4, 5), stream=stream)
    (_, values, options) = next(call for call in recording.calls if call[0] == "launch")
    assert int(values[0]) == 0xABC0
    assert options["stream"] == id(stream)
    assert "to gpu" not in [call[0] for call in recording.calls]
    assert [call for call in recording.calls if call[0] == "free"] == [("free", 0x2000)]


def test_a_failed_launch_frees_and_leaves_the_context(pycuda):
    recording = pycuda()
    painter = device.Painter(CUBIN)

    def fail(*values, **options):
        raise recording.Error("launch failed")

    painter._kernel = fail
    with pytest.raises(recording.Error):
        painter.paint(np.zeros((5, 4, 6), np.float32), (40, 61))
    named = [call[0] for call in recording.calls[: recording.calls.index(("context", "pop"), 6)]]
    assert named.count("free") == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"capability": (9, 0)}, "compiled for compute capability 8.0; a recording has 9.0"),
        ({"broken": True}, "the GPU cannot be used"),
        ({"count": 0}, "there is no GPU 0"),
    ],
)
def test_a_gpu_that_cannot_run_it_is_named(pycuda, options, says):
    pycuda(**options)
    with pytest.raises(UserError, match=says):
        device.Painter(CUBIN)


def test_without_pycuda_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    with pytest.raises(UserError, match="needs pycuda") as error:
        device.Painter(CUBIN)
    assert "extra 'gpu'" in error.value.hint


def test_what_was_taken_is_given_back_where_there_is_no_more(pycuda):
    recording = pycuda()
    painter = device.Painter(CUBIN)
    plenty = recording.mem_alloc

    def little(size):
        if size > 1000:
            raise recording.Error("out of memory")
        return plenty(size)

    recording.mem_alloc = little
    with pytest.raises(recording.Error, match="out of memory"):
        painter.paint(np.zeros((5, 20, 20), np.float32), (8, 9))
    named = [call[0] for call in recording.calls]
    assert named.count("alloc") == named.count("free") == 1
    assert "page-locked" in named[: named.index("context", 6)]


@pytest.mark.parametrize(
    ("logits", "says"),
    [
        *((np.zeros(shape, np.float32), "must be") for shape in ((5, 4, 4, 4), (5, 0, 4), (5, 4))),
        (np.zeros((4, 2, 2), np.float32), "does not paint 4 classes"),
        (np.zeros((5, 2, 2), np.float16), "float16; the kernel was compiled for fp32"),
    ],
)
def test_logits_of_another_kind_are_refused(pycuda, logits, says):
    pycuda()
    with pytest.raises(UserError, match=says):
        device.Painter(CUBIN).paint(logits, (4, 4))


def test_too_few_or_too_many_arguments_are_refused():
    with pytest.raises(UserError, match="takes other arguments"):
        device.packed(CUBIN, (1, 2, 3), tuple(range(11)))


def test_the_recording_s_signature_is_the_compiled_kernel_s():
    pytest.importorskip("triton")
    compiled = ahead.compile_paint(80, 5)
    assert compiled.arguments == CUBIN.arguments
    assert compiled.warps == CUBIN.warps
    assert compiled.constants == CUBIN.constants


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_gpu_paints_what_the_cpu_paints(kind):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("wants an NVIDIA GPU with CUDA")
    # Where there is a GPU, a missing pycuda is a failure: `make gpu` installs it.
    major, minor = device.driver().Device(0).compute_capability()
    if 10 * major + minor not in ahead.ARCHITECTURES:
        pytest.skip(f"wants a GPU of {ahead.ARCHITECTURES}, not {10 * major + minor}")
    logits = np.random.default_rng(0).normal(size=(19, 16, 24)).astype(kind)
    cubin = ahead.compile_paint(10 * major + minor, 19, logits=np.dtype(kind).name)
    painter = device.Painter(cubin)
    for size in ((256, 384), (133, 217), (7, 9)):
        assert np.array_equal(painter.paint(logits, size), paint(logits, size))
