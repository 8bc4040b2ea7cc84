"""Evaluation parts: each computes figures of the report from generated pictures and motion."""
