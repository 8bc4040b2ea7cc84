"""Speech tokens of live speech: of the last seconds, with level and band statistics of all the speech so far."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.models.speech import mel
from seetalk_jax.models.speech.speech_encoder import SpeechEncoder

# Tokens at the start of the encoded speech that differ from those of speech with more before it: less than one second.
CONTEXT = FPS
# Mean square of -50 dBFS. Less than that is no speech at any time: the noise of a quiet room before the first word must
# not be amplified. (Recordings are encoded whole, so that the level of their speech is always known.)
QUIET = 1e-5
MEMORY = (
  30 * FPS
)  # frames of sound after which earlier ones count half: a session follows the distance to a microphone
_ACTIVE = 1e-3  # share of the loud level, -30 dB: less is a pause, in which nothing is forgotten


class LiveStatistics(NamedTuple):
  """Statistics of the speech so far, which later frames count more in.

  Attributes:
    energies: see `mel.energy_sums`, float32 `[1, 3]`.
    bands: see `SpeechEncoder.band_sums`, relative to `level`, float32 `[1, 3, bands]`.
    level: loud level that `bands` are relative to, float32 `[1]`.
  """

  energies: jax.Array | np.ndarray
  bands: jax.Array | np.ndarray
  level: jax.Array | np.ndarray

  @classmethod
  def empty(cls, num_bands: int) -> LiveStatistics:
    """Statistics of no speech."""
    zeros = functools.partial(np.zeros, dtype=np.float32)
    return cls(zeros((1, 3)), zeros((1, 3, num_bands)), np.full(1, QUIET, np.float32))


def encode_next(
  encoder: SpeechEncoder,
  params: Any,
  waveform: np.ndarray,
  start: int,
  stop: int,
  end: int,
  statistics: LiveStatistics,
) -> tuple[np.ndarray, LiveStatistics]:
  """Encodes the last seconds of speech that goes on; one compiled program for one length of `waveform`.

  The level, and mean and spread of the bands, are those of all speech so far, the look-ahead included, as if it were a
  recording that ends there.

  Args:
    encoder, params: the encoder and its parameters.
    waveform: float `[n]`; all its speech but the look-ahead has been or is now added to the statistics.
    start, stop: tokens that are new: their frames are added to the statistics.
    end: tokens of the speech; later samples are padding, and tokens from `stop` on are the look-ahead.
    statistics: of the speech before `start`.

  Returns:
    (tokens, float32 `[1, end, token_dim]`, statistics with the new frames). The first `CONTEXT` tokens are of use only
    if the speech begins with `waveform`.
  """
  waveform = np.asarray(waveform, np.float32)[None]
  places = np.array([start, stop, end], np.int32)
  tokens, found = _compiled(encoder)({'params': params}, waveform, places, statistics)  # pyright: ignore[reportArgumentType]
  return np.asarray(tokens)[:, :end], jax.tree.map(np.asarray, found)


@functools.cache
def _compiled(encoder: SpeechEncoder) -> Callable[..., tuple[jax.Array, LiveStatistics]]:
  def run(variables, waveform, places, statistics):
    start, stop, end = places
    num_samples = (end * SAMPLES_PER_FRAME)[None]
    waveform = mel.cut(waveform, num_samples)
    # Recordings lose their offset when their loudness is normalized.
    waveform = mel.cut(waveform - jnp.sum(waveform) / num_samples, num_samples)
    frame = jnp.arange(waveform.shape[1] // SAMPLES_PER_FRAME)
    new = ((frame >= start) & (frame < stop))[None]
    ahead = ((frame >= stop) & (frame < end))[None]
    energy = jnp.mean(jnp.square(waveform.reshape(1, -1, SAMPLES_PER_FRAME)), axis=-1)

    def sums(counted):
      parts = jnp.ones_like(energy), energy, jnp.square(energy)
      return jnp.stack([jnp.sum(part * counted, axis=-1) for part in parts], axis=-1)

    active = jnp.sum(new & (energy > _ACTIVE * statistics.level[:, None]))
    kept = 0.5 ** (active / MEMORY)
    energies = kept * statistics.energies + sums(new)
    level = jnp.maximum(mel.loud_level(energies + sums(ahead)), QUIET)
    earlier = kept * _relative_to(statistics.bands, statistics.level, level)
    band_sums = functools.partial(encoder.apply, variables, waveform, num_samples, level, method='band_sums')
    bands, of_ahead = earlier + jnp.asarray(band_sums(new)), jnp.asarray(band_sums(ahead))
    normaliser = encoder.finish_normaliser(level, bands + of_ahead)
    tokens, _ = encoder.apply(variables, waveform, num_samples, normaliser, method='encode_tokens')
    return tokens, LiveStatistics(energies, bands, level)

  return jax.jit(run)


def _relative_to(bands: jax.Array, old: jax.Array, new: jax.Array) -> jax.Array:
  """Band sums relative to another level, but for the floor of quiet bands: all logarithms shift by the same number."""
  shift = jnp.log10(old / new)[:, None]
  count, total, squares = bands[:, 0], bands[:, 1], bands[:, 2]
  return jnp.stack(
    [count, total + shift * count, squares + 2 * shift * total + jnp.square(shift) * count], axis=1
  )
