"""Codebook renderer: VQ codebook, code transformer and high-resolution decoder."""
