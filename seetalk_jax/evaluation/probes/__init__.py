"""Probe networks that predict labels from pictures, and their training renderings."""
