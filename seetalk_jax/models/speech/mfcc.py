"""Mel-frequency cepstral coefficients (MFCC) equal to `python_speech_features.mfcc`, the input of SyncNet."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ

WINDOW = 400  # 25 ms, without taper
HOP = 160  # 10 ms
FFT = 512
NUM_FILTERS = 26
NUM_CEPSTRA = 13
LIFTER = 22
PREEMPHASIS = 0.97
# The published networks were trained on 16-bit samples without scaling.
_FULL_SCALE = 32768.0
_EPSILON = float(np.finfo(np.float64).eps)


def num_frames(num_samples: int) -> int:
  """Number of frames of `num_samples` samples; the last frame is padded with zeros."""
  return 1 + max(0, -(-(num_samples - WINDOW) // HOP))


def mfcc(waveform: jax.Array) -> jax.Array:
  """Speech `[b, n]` at 16 kHz in [-1, 1] to coefficients float32 `[b, num_frames(n), 13]` at 100 Hz.

  Pre-emphasis, 26 triangular mel filters from 0 to 8 kHz, log, orthonormal DCT, lifter 22. Coefficient 0 is
  the log of the frame's energy.
  """
  samples = waveform.astype(jnp.float32) * _FULL_SCALE
  samples = jnp.concatenate([samples[:, :1], samples[:, 1:] - PREEMPHASIS * samples[:, :-1]], axis=1)
  count = num_frames(waveform.shape[1])
  samples = jnp.pad(samples, ((0, 0), (0, (count - 1) * HOP + WINDOW - waveform.shape[1])))
  frames = samples[:, np.arange(count)[:, None] * HOP + np.arange(WINDOW)]
  spectrum = jnp.fft.rfft(frames, n=FFT)
  power = (jnp.square(spectrum.real) + jnp.square(spectrum.imag)) / FFT
  bands = jnp.einsum('btf,fm->btm', power, _filters(), precision='highest')
  cepstra = jnp.einsum('btm,mc->btc', _log(bands), _cosines(), precision='highest')
  energy = _log(jnp.sum(power, axis=-1, keepdims=True))
  return jnp.concatenate([energy, cepstra[..., 1:]], axis=-1)


def _log(power: jax.Array) -> jax.Array:
  return jnp.log(jnp.where(power == 0, _EPSILON, power))


@functools.cache
def _filters() -> np.ndarray:
  """Triangular mel filters with corners on FFT bins, `[257, 26]`."""
  mels = np.linspace(0.0, 2595.0 * np.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0), NUM_FILTERS + 2)
  corners = np.floor((FFT + 1) * 700.0 * (10.0 ** (mels / 2595.0) - 1.0) / SAMPLE_RATE_HZ)
  bins = np.arange(FFT // 2 + 1)[:, None]
  low, middle, high = corners[:-2], corners[1:-1], corners[2:]
  rising = np.where((bins >= low) & (bins < middle), (bins - low) / (middle - low), 0.0)
  falling = np.where((bins >= middle) & (bins < high), (high - bins) / (high - middle), 0.0)
  return (rising + falling).astype(np.float32)


@functools.cache
def _cosines() -> np.ndarray:
  """Orthonormal DCT-II times lifter, `[26, 13]`."""
  band, order = np.arange(NUM_FILTERS)[:, None], np.arange(NUM_CEPSTRA)
  basis = np.sqrt(2.0 / NUM_FILTERS) * np.cos(np.pi * order * (2 * band + 1) / (2 * NUM_FILTERS))
  basis[:, 0] /= np.sqrt(2.0)
  return (basis * (1.0 + LIFTER / 2 * np.sin(np.pi * order / LIFTER))).astype(np.float32)
