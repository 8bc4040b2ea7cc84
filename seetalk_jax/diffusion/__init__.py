"""Diffusion as frozen dataclasses and pure functions; no modules, no state."""
