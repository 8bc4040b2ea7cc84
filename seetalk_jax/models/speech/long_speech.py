"""Speech tokens of recordings of any length, encoded in chunks of one compiled shape."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.models.speech.mel import energy_sums, loud_level
from seetalk_jax.models.speech.speech_encoder import SpeechEncoder


def encode_long(
  encoder: SpeechEncoder,
  params: Any,
  waveform: Any,
  chunk_seconds: int = 8,
  context_seconds: int = 1,
) -> tuple[jax.Array, jax.Array]:
  """Encodes one recording of any length in chunks of one compiled shape.

  Args:
    params: the encoder's parameters.
    waveform: float `[n]` or `[1, n]`; the last partial frame is padded with silence.
    chunk_seconds: length of a chunk without its context.
    context_seconds: additional audio on either side of a chunk.

  Returns:
    tokens `[1, ceil(n / 640), token_dim]` and valid (all True). Level and band statistics are those of
    the whole recording. For 'log_mel' the result equals one pass over the whole recording up to rounding.
  """
  waveform = np.asarray(waveform, np.float32).reshape(-1)
  num_samples = waveform.shape[0]
  num_tokens = max(1, -(-num_samples // SAMPLES_PER_FRAME))
  per_second = SAMPLE_RATE_HZ // SAMPLES_PER_FRAME
  step, context = chunk_seconds * per_second, context_seconds * per_second
  window = step + 2 * context
  variables = {'params': params}

  def chunk(start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    piece = waveform[start * SAMPLES_PER_FRAME : (start + length) * SAMPLES_PER_FRAME]
    padded = np.zeros((1, window * SAMPLES_PER_FRAME), np.float32)
    padded[0, : piece.shape[0]] = piece
    return padded, np.array([piece.shape[0]], np.int32)

  energy, sums = jax.jit(energy_sums), _compiled(encoder, 'sums')  # pyright: ignore[reportArgumentType]
  starts = range(0, num_tokens, step)
  totals = sum(np.asarray(energy(*chunk(start, step))) for start in starts)
  level = loud_level(jnp.asarray(totals))
  bands = 0
  for start in starts:
    first = max(0, start - context)
    place = first + np.arange(window)
    counted = (place >= start) & (place < min(start + step, num_tokens))
    bands = bands + np.asarray(sums(variables, *chunk(first, window), level, counted[None]))
  normaliser = encoder.finish_normaliser(level, jnp.asarray(bands))
  encode = _compiled(encoder, 'encode')  # pyright: ignore[reportArgumentType]
  pieces = []
  for start in starts:
    first = max(0, start - context)
    tokens, _ = encode(variables, *chunk(first, window), normaliser)
    pieces.append(np.asarray(tokens[:, start - first : start - first + min(step, num_tokens - start)]))
  tokens = jnp.asarray(np.concatenate(pieces, axis=1))
  return tokens, jnp.ones(tokens.shape[:2], bool)


@functools.cache
def _compiled(encoder: SpeechEncoder, what: str):
  """The jitted function of an encoder for one chunk, cached over recordings."""
  method = {'sums': SpeechEncoder.band_sums, 'encode': SpeechEncoder.encode_tokens}[what]
  return jax.jit(functools.partial(encoder.apply, method=method))
