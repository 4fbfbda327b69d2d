"""What the exporter's tests share: one traced body, pictures for it, artefacts made of it."""

import onnx
import pytest

from export import geometry, intake, precisions, provenance, samples
from export.intake import Intake
from export.options import Options
from export.targets import onnx as onnx_target
from export.trace import trace
from trainer import checkpoint

RANGED = intake.read("32x48..64x96", "1..4")


@pytest.fixture(scope="session")
def loaded(model):
    """The checkpoint of a few steps."""
    return checkpoint.load(model)


@pytest.fixture(scope="session")
def body(loaded):
    """Its network, traced at any batch and size."""
    return trace(loaded.network, loaded.contract, Intake())


@pytest.fixture(scope="session")
def seen(loaded, body):
    """The training pictures it is calibrated with."""
    labelled = samples.training(loaded, Options(precision="int8"))
    return samples.Seen(labelled=labelled, contract=loaded.contract, body=body)


@pytest.fixture
def verified(loaded, body, seen, tmp_path):
    """Writes an ONNX artefact of a precision and an intake, and says that it was verified."""

    def write(precision="fp32", taken=RANGED, head="mask"):
        applied = precisions.find(precision).apply(body.model, seen)
        model = geometry.around(
            body.with_model(applied.model), loaded.contract, intake=taken, head=head
        )
        options = Options(intake=taken, precision=precision, head=head)
        facts = provenance.facts(loaded, options, 20) | {"verify": {"agrees": True}}
        onnx_target._set_facts(model, loaded.contract.to_json(), facts)
        onnx.save(model, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return write
