"""ONNX Runtime is told what this CPU needs to multiply 8 bits without a fault."""

import onnxruntime
import pytest

from kernels import session


@pytest.mark.parametrize(
    ("flags", "slower"),
    [
        ("flags\t: avx2 avx512f avx512_vnni", False),
        ("flags\t: avx2 avx_vnni", False),
        ("flags\t: avx2", True),
        (None, True),
    ],
)
def test_only_a_cpu_without_vnni_multiplies_more_slowly(tmp_path, monkeypatch, flags, slower):
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
    monkeypatch.setattr(session, "CPU_INFO", tmp_path / "cpuinfo")
    options = session.settle(onnxruntime.SessionOptions(), 3)
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    if slower:
        assert options.get_session_config_entry("session.x64quantprecision") == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry("session.x64quantprecision")
