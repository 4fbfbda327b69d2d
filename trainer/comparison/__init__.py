"""Trains the same recipe at several factors, label modes and seeds, and sets them side by side."""
