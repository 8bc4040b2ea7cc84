"""Converters from public PyTorch weights to parameters of this package: one file per kind."""
