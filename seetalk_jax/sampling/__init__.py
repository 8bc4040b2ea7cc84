"""Trained networks at work: pure functions from conditions to samples, shared by stages and the pipeline."""
