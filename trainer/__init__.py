"""Trains a segmentation model on small pictures and scores it at full size."""

import os

if "OMP_WAIT_POLICY" not in os.environ:
    # Torch's threads wait for one another by spinning, and beside another program they keep the one
    # that is late from its core. It has to be said before torch is imported; 1000 is what libgomp
    # takes by itself where it knows of more threads than cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
