"""Synthetic training data: speakers, voices, motion, rendered heads, and the corpora made from them."""
