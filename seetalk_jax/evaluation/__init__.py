"""Evaluation on held-out synthetic speakers: measures, probe networks, parts, and the report."""
