"""Temporal consistency: motion explained by the flow is no error, noise is."""

import numpy as np
import pytest

from seetalk_jax.evaluation.parts import flicker

SIDE, CELLS = 128, 32


def moving(steps):
  """A picture that moves right by whole cells, and its canonical coordinates; the border is no head."""
  y, x = np.mgrid[:CELLS, : CELLS + steps] / 16 - 1.0
  place = np.stack([x, y, 0.3 * np.sin(2 * x) * np.cos(y)], -1).astype(np.float32)
  texture = np.random.default_rng(0).integers(0, 256, (CELLS, CELLS + steps, 3)).repeat(4, 0).repeat(4, 1)
  frames = np.stack([texture[:, 4 * (steps - i) :][:, :SIDE] for i in range(steps + 1)]).astype(np.uint8)
  canonical = np.stack([place[:, steps - i :][:, :CELLS] for i in range(steps + 1)])
  parts = np.zeros((steps + 1, CELLS, CELLS), np.uint8)
  parts[:, 8:24, 8:24] = 3
  return frames, canonical, parts


def test_what_the_flow_explains_is_no_flicker():
  frames, canonical, parts = moving(3)
  errors = flicker.warping_errors(frames, canonical, parts, (0,))
  assert errors.shape == (3,) and errors.max() < 1.0
  still = np.broadcast_to(frames[:1], frames.shape)  # still where it should move
  assert flicker.warping_errors(still, canonical, parts, (0,)).min() > 20


def test_noise_is_told_in_levels():
  frames, canonical, parts = moving(3)
  noisy = np.clip(frames // 2 + 64 + 8 * (np.arange(4) % 2)[:, None, None, None], 0, 255).astype(np.uint8)
  assert flicker.warping_errors(noisy, canonical, parts, (0,)) == pytest.approx([8, 8, 8], abs=0.7)
  outside = noisy.copy()
  outside[:, :16] = np.random.default_rng(1).integers(0, 256, outside[:, :16].shape)  # outside the head
  assert flicker.warping_errors(outside, canonical, parts, (0,)) == pytest.approx([8, 8, 8], abs=0.7)
