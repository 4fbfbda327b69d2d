"""A network that cannot be exported is told by name, with the reason and what may do instead."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from export import intake, verify
from export.build import build
from export.options import Options
from export.targets import Answer
from export.targets import onnx as target
from kernels.errors import RefusedError
from trainer import checkpoint
from trainer.network import Network


class Choosy(nn.Module):
    """Asks the values what to do, which no graph can."""

    stride = multiple = 1

    def forward(self, picture):
        return picture if picture.mean() > 0 else -picture


@pytest.mark.parametrize(
    ("taken", "hint"),
    [
        (intake.Intake(), "--size 512x1024 --batch 1"),
        (intake.read("32x48", "1"), "train another model"),
    ],
)
def test_what_torch_cannot_write_is_told_by_name_and_reason(loaded, tmp_path, capfd, taken, hint):
    choosy = replace(loaded, network=Network(Choosy()))
    with pytest.raises(RefusedError, match="model 'compact': torch cannot write") as caught:
        target.write(choosy, tmp_path / "model.onnx", Options(intake=taken))
    assert "data-dependent" in caught.value.message
    assert hint in caught.value.hint
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_refusal_of_torchs_exporter_names_the_file_that_is_not_there(
    loaded, model, tmp_path, monkeypatch
):
    choosy = replace(loaded, network=Network(Choosy()))
    monkeypatch.setattr(checkpoint, "load", lambda path: choosy)
    out = tmp_path / "model.onnx"
    with pytest.raises(RefusedError, match=r"model\.onnx was not written: model 'compact': torch"):
        build("onnx", model, out)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_fails_at_some_size_is_refused_with_that_size(artefact):
    run = target.opened(artefact)
    with pytest.raises(RefusedError, match="fails at 2 pictures of 40x24") as caught:
        run(np.zeros((2, 40, 24, 4), np.uint8))
    assert "--size" in caught.value.hint


def test_logits_of_another_size_are_refused_with_both(loaded):
    batch = verify.pictures(intake.read("40x24", "1"))[0]
    answer = Answer(
        small=np.zeros((1, 20, 12, 3), np.float32),
        logits=np.zeros((1, 3, 5, 3), np.float32),
        mask=None,
    )
    told = r"at pictures of 40x24 its logits are \(1, 3, 5, 3\), torch's are \(1, 3, 20, 12\)"
    with pytest.raises(RefusedError, match=told):
        verify.compare(loaded, batch, answer)
