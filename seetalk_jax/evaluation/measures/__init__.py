"""Measures: numbers from arrays."""
