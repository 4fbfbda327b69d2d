"""Trains a segmentation model on small pictures and scores it at full size."""

import os

# How often one of torch's threads looks for the others before it sleeps: a tenth of a millisecond.
# Spinning for milliseconds, as libgomp has it, they keep the late one from its core where another
# program is busy. It is read once, when torch is imported.
SPINS = "10000"

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
