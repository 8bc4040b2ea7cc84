"""Curves over time: colored noise, minimum-jerk moves, bumps and second-order smoothing, sampled at given times."""

from __future__ import annotations

import numpy as np
from scipy import fft

from seetalk_jax.constants import FPS


def frame_times(num_frames: int) -> np.ndarray:
  """Times of the frames in seconds, float64 `[num_frames]`: `(i + 0.5) / 25`."""
  return (np.arange(num_frames) + 0.5) / FPS


def colored_noise(
  num_frames: int, rng: np.random.Generator, low_hz: float, high_hz: float, exponent: float, channels: int = 1
) -> np.ndarray:
  """Gaussian noise at 25 fps with power proportional to `f ** -exponent` between two frequencies.

  Args:
    num_frames: length.
    rng: random numbers.
    low_hz: the power is constant below.
    high_hz: there is no power above.
    exponent: slope of the power; 0 is white, 2 is that of a random walk.
    channels: independent channels.

  Returns:
    float64 `[num_frames, channels]`. Its standard deviation over infinite time is 1.
  """
  size = fft.next_fast_len(max(2 * num_frames, 20 * FPS), real=True)
  frequencies = fft.rfftfreq(size, 1 / FPS)
  power = np.where(frequencies <= high_hz, np.maximum(frequencies, low_hz) ** -exponent, 0.0)
  power[0] = 0.0
  draws = rng.standard_normal((2, channels, len(power)))
  spectrum = (draws[0] + 1j * draws[1]) * np.sqrt(power / (4 * power.sum())) * size
  return fft.irfft(spectrum, size)[:, :num_frames].T


def minimum_jerk(share: np.ndarray) -> np.ndarray:
  """Position from 0 to 1 of a movement with the least jerk, for a share of its duration (clipped to [0, 1])."""
  x = np.clip(share, 0.0, 1.0)
  return x**3 * (10 - 15 * x + 6 * x**2)


def moves(times: np.ndarray, starts: np.ndarray, durations: np.ndarray, targets: np.ndarray) -> np.ndarray:
  """Positions `[n, d]` of a sequence of minimum-jerk moves.

  Args:
    times: seconds, `[n]`.
    starts: start of every move, seconds, `[k]`, ascending.
    durations: of every move, seconds, `[k]`.
    targets: where every move ends, `[k, d]`. The first one is the position at the beginning.
  """
  steps = np.diff(targets, axis=0)
  share = (times[:, None] - starts[1:]) / durations[1:]
  return targets[0] + minimum_jerk(share) @ steps


def bumps(times: np.ndarray, centers, sizes, rise_s, fall_s) -> np.ndarray:
  """Sum `[n]` of smooth bumps: each rises to its size in `rise_s` and falls in `fall_s` (scalars or `[k]`)."""
  offset = np.asarray(times)[:, None] - np.asarray(centers, float).reshape(1, -1)
  width = np.where(offset < 0, rise_s, fall_s)
  share = np.clip(np.abs(offset) / width, 0.0, 1.0)
  return (0.5 + 0.5 * np.cos(np.pi * share)) @ np.asarray(sizes, float).reshape(-1)


def plateau(times: np.ndarray, start: float, end: float, rise_s: float, fall_s: float) -> np.ndarray:
  """Curve `[n]` that rises from 0 to 1 in `rise_s` after `start`, and falls to 0 in `fall_s` before `end`."""
  return minimum_jerk((times - start) / rise_s) * minimum_jerk((end - times) / fall_s)


def smoothed(values: np.ndarray, half_width: float) -> np.ndarray:
  """Hann-weighted moving average along the first axis over about `half_width` samples on each side; same shape."""
  half = max(1, int(round(half_width)))
  kernel = np.hanning(2 * half + 3)[1:-1]
  kernel /= kernel.sum()
  padded = np.pad(values, [(half, half)] + [(0, 0)] * (values.ndim - 1), mode='edge')
  count = len(values)
  return sum(weight * padded[i : i + count] for i, weight in enumerate(kernel))
