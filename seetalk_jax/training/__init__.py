"""Training: the loop, its state, checkpoints and meshes."""
