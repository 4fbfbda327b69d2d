"""Looks at a data set before any training: its faults, its numbers, what each factor would keep."""
