"""Sound with changing level and pitch, as speech has."""

import numpy as np


def sounds(num_samples, seed=0):
  """Amplitude-modulated noise with a tone."""
  rng = np.random.default_rng(seed)
  time = np.arange(num_samples) / 16_000
  return (
    0.2 * np.sin(2 * np.pi * (300 + 200 * time) * time) + 0.05 * rng.standard_normal(num_samples)
  ).astype(np.float32) * (0.5 + 0.5 * np.sin(9 * time)).astype(np.float32)
