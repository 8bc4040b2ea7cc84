"""Speech tokens of a recording, which portraits and motion are sampled from."""

from __future__ import annotations

import os
from typing import cast

import jax
import numpy as np

from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.media import audio
from seetalk_jax.models.speech.long_speech import encode_long

# A file, samples at 16 kHz, (samples, rate in Hz), or a `Speech`.
SpeechLike = str | os.PathLike | np.ndarray | tuple[np.ndarray, float] | audio.Speech


def encode(release: LoadedRelease, speech: audio.Speech) -> jax.Array:
  """Speech tokens, one per frame, `[1, num_frames, d]`; the loudness is normalized."""
  waveform = audio.normalise_loudness(speech.waveform)
  encoder = release.networks.modules['speech_encoder']
  tokens, _ = encode_long(encoder, release.params['speech_encoder'], waveform)
  return tokens


def as_speech(speech: SpeechLike) -> audio.Speech:
  """Converts a file, samples at 16 kHz `[n]`, or `(samples, rate_hz)` to a `Speech`; a `Speech` is returned unchanged.

  Raises:
    SpeechError: see `load_speech`, or something else.
  """
  if isinstance(speech, audio.Speech):
    return speech
  if isinstance(speech, (str, os.PathLike)):
    return audio.load_speech(speech)
  if (
    isinstance(speech, tuple) and len(speech) == 2 and np.ndim(speech[1]) == 0 and not np.isscalar(speech[0])
  ):
    return audio.speech_from_array(*speech)
  return audio.speech_from_array(cast(np.ndarray, speech))
