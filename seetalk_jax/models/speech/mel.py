"""Mel spectrogram, energy and loudness of speech, aligned with video frames."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.sharding.constraints import refuse_explicit

HOP = 160  # 100 mel frames a second, four to a token
WINDOW = 400  # 25 ms
FFT = 512
QUIET = 1e-6  # mean square of -60 dBFS, the minimum of the loud level: silence is not amplified further
FLOOR = 1e-5  # floor of the mel power, 50 dB below the loud level


@functools.cache
def mel_filters(num_bands: int = 80, low_hz: float = 40.0, high_hz: float = 7600.0) -> np.ndarray:
  """Triangular mel filters float32 `[FFT // 2 + 1, num_bands]`, each with sum 1."""

  def to_mel(hz):
    return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)

  edges = np.linspace(to_mel(low_hz), to_mel(high_hz), num_bands + 2)
  bins = to_mel(np.arange(FFT // 2 + 1) * SAMPLE_RATE_HZ / FFT)[:, None]
  rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
  falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
  filters = np.maximum(0.0, np.minimum(rising, falling))
  # The lowest bands are narrower than one FFT bin: an empty band uses its nearest bin.
  for band in np.flatnonzero(filters.sum(0) == 0):
    filters[np.argmin(np.abs(bins[:, 0] - edges[band + 1])), band] = 1.0
  return (filters / filters.sum(0)).astype(np.float32)


def mel_power(waveform: jax.Array, num_bands: int = 80) -> jax.Array:
  """Mel power of speech `[b, n]`, float32 `[b, n // 160, num_bands]`; frame k centers on sample 160 k + 80.

  White noise of mean square s has power s in every band.
  """
  n = waveform.shape[-1] // HOP * HOP
  side = (WINDOW - HOP) // 2
  padded = jnp.pad(waveform[:, :n].astype(jnp.float32), ((0, 0), (side, side)))
  index = jnp.arange(n // HOP)[:, None] * HOP + np.arange(WINDOW)
  frames = padded[:, index] * jnp.asarray(np.hanning(WINDOW + 1)[:-1], jnp.float32)
  spectrum = jnp.fft.rfft(frames, n=FFT)
  power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
  scale = 1.0 / np.sum(np.hanning(WINDOW + 1) ** 2)
  return jnp.einsum('btf,fm->btm', power * scale, mel_filters(num_bands))


def relative_log(power: jax.Array, level: jax.Array) -> jax.Array:
  """log10 of mel power `[b, t, bands]` relative to the loud level `[b]`, floored at -50 dB: about -5 to 2."""
  return jnp.log10(power / level[:, None, None] + FLOOR)


def token_validity(waveform: jax.Array, num_samples: jax.Array | None) -> jax.Array:
  """Validity of tokens, bool `[b, n // 640]`: True if a token's first sample is inside the recording."""
  starts = jnp.arange(waveform.shape[-1] // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
  if num_samples is None:
    return jnp.ones((waveform.shape[0], starts.shape[0]), bool)
  return starts[None, :] < jnp.asarray(num_samples)[:, None]


def cut(waveform: jax.Array, num_samples: jax.Array | None) -> jax.Array:
  """`waveform [b, n]` as float32, zero from sample `num_samples [b]` on."""
  waveform = waveform.astype(jnp.float32)
  if num_samples is None:
    return waveform
  inside = jnp.arange(waveform.shape[-1])[None, :] < jnp.asarray(num_samples)[:, None]
  return jnp.where(inside, waveform, 0.0)


def energy_sums(waveform: jax.Array, num_samples: jax.Array | None = None) -> jax.Array:
  """Token count, sum of token energies and sum of their squares, `[b, 3]`; additive over chunks."""
  refuse_explicit(waveform)
  n = waveform.shape[-1] // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
  frames = cut(waveform, num_samples)[:, :n].reshape(waveform.shape[0], -1, SAMPLES_PER_FRAME)
  energy = jnp.mean(jnp.square(frames), axis=-1)
  count = jnp.sum(token_validity(waveform, num_samples), axis=-1).astype(jnp.float32)
  return jnp.stack([count, jnp.sum(energy, -1), jnp.sum(jnp.square(energy), -1)], axis=-1)


def loud_level(sums: jax.Array) -> jax.Array:
  """Loud level `[b]` from `energy_sums`: the mean of the token energies, weighted by the energies.

  A mean square. Pauses have almost no weight, so that short crops and long recordings get the same level.
  """
  return jnp.maximum(sums[:, 2] / jnp.maximum(sums[:, 1], 1e-12), QUIET)
