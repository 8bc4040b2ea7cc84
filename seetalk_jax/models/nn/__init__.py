"""Layers shared by all networks."""
