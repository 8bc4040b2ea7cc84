"""Experiments: training, measurement, table and picture sheet in one command each."""
