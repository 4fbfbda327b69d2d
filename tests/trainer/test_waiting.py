"""How torch's threads wait for one another is said before torch is there to ask."""

import os
import subprocess
import sys

import pytest

from trainer import SPINS

SAID = "GOMP_SPINCOUNT"
SCRIPT = f"import os, sys, trainer; print(os.environ.get('{SAID}'), 'torch' in sys.modules)"


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, SPINS), ({SAID: "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_spin_little_unless_the_environment_says_how_they_wait(given, spins):
    told = (SAID, "OMP_WAIT_POLICY")
    ours = {name: value for name, value in os.environ.items() if name not in told}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=ours | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [spins, "False"]
