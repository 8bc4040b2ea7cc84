"""Probe networks that read labels from pictures, and the renderings they learn from."""
