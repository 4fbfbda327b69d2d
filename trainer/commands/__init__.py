"""The larger commands of the trainer, a file each, and what they print."""
