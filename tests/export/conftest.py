"""What the exporter's tests share: one traced body, and training pictures for it."""

import pytest

from export import samples
from export.intake import Intake
from export.options import Options
from export.trace import trace
from trainer import checkpoint


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
    return samples.calibration(loaded, body, Options(precision="int8"))
