"""Answers pictures with full-size masks over HTTP."""
