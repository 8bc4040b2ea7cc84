"""Speech tokens of recordings of any length, encoded in chunks of one compiled shape."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

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
    the whole recording. The result equals one pass over the whole recording up to rounding for 'log_mel', and for
    'waveform' up to a length of one chunk with its context. Of longer recordings, 'waveform' sees one chunk at a
    time, always one that is full of sound.
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

  energy, sums, encode = _compiled(encoder)  # pyright: ignore[reportArgumentType]
  chunks = plan_chunks(num_tokens, step, context, everywhere=encoder.front_end == 'waveform')
  totals = sum(np.asarray(energy(*chunk(own.start, own.stop - own.start))) for own in chunks)
  bands = 0
  for own in chunks:
    place = own.first + np.arange(window)
    counted = (place >= own.start) & (place < own.stop)
    bands = bands + np.asarray(sums(variables, *chunk(own.first, window), totals, counted[None]))
  tokens = np.empty((1, num_tokens, encoder.token_dim), np.float32)
  for own in chunks:  # copied, so that no chunk's memory is held
    found = np.asarray(encode(variables, *chunk(own.first, window), totals, bands))
    tokens[:, own.start : own.stop] = found[:, own.start - own.first : own.stop - own.first]
  tokens = jnp.asarray(tokens)
  return tokens, jnp.ones(tokens.shape[:2], bool)


class Chunk(NamedTuple):
  """A chunk of a recording, in tokens: it begins at `first`, and its tokens `start` to `stop` are kept."""

  first: int
  start: int
  stop: int


def plan_chunks(num_tokens: int, step: int, context: int, *, everywhere: bool) -> list[Chunk]:
  """Chunks of `step + 2 * context` tokens that together keep every token of a recording once.

  Args:
    num_tokens: tokens of the recording, 1 or more.
    step: tokens that a chunk keeps.
    context: further tokens on either side.
    everywhere: whether a token depends on the whole chunk, by global attention and norms over time. Then a recording
      that fits into one chunk is one, and the last chunk of a longer one begins earlier, so that it has no padding.
  """
  window = step + 2 * context
  if everywhere and num_tokens <= window:
    return [Chunk(0, 0, num_tokens)]
  chunks = []
  for start in range(0, num_tokens, step):
    first = min(start - context, num_tokens - window) if everywhere else start - context
    chunks.append(Chunk(max(0, first), start, min(start + step, num_tokens)))
  return chunks


@functools.cache
def _compiled(encoder: SpeechEncoder) -> tuple[Callable[..., jax.Array], ...]:
  """Jitted functions of one chunk, cached over recordings: energies, sums of bands, tokens.

  Nothing is computed outside of them: every operation by itself would be a program to compile.
  """

  def sums(variables, waveform, num_samples, energies, counted):
    level = loud_level(energies)
    return encoder.apply(variables, waveform, num_samples, level, counted, method='band_sums')

  def encode(variables, waveform, num_samples, energies, bands):
    normaliser = encoder.finish_normaliser(loud_level(energies), bands)
    return encoder.apply(variables, waveform, num_samples, normaliser, method='encode_tokens')[0]

  return jax.jit(energy_sums), jax.jit(sums), jax.jit(encode)
