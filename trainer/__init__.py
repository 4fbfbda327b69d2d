"""Trains a segmentation model on small pictures and scores it at full size."""

import os

# How often one of torch's threads looks for the others before it sleeps. Spinning on, they keep
# the late one from its core where another program is busy. This is what libgomp takes by itself
# where it knows of more threads than cores; it reads it when torch is imported.
SPINS = "1000"

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
