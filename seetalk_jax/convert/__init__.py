"""Public PyTorch weights to our parameters: one file per kind, every tensor accounted for."""
