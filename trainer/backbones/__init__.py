"""What several models are built of, with the parameter names of public checkpoints."""
