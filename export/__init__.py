"""Writes a checkpoint as an artefact that runs alone: full-size picture in, mask out."""
