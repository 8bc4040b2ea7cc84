"""Evaluation parts: each turns generated material into figures of the report."""
