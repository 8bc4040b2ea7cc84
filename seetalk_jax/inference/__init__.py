"""Inference: one speech recording in, a clip of a talking face out."""
