"""Trains a segmentation model on small pictures and scores it at full size."""
