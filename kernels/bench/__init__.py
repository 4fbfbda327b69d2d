"""`python -m kernels.bench`: every operator beside its alternatives, in one run, after parity."""
