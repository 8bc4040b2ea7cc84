"""Measures: metrics computed from arrays."""
