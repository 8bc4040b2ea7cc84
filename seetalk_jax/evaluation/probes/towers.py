"""Towers of contrastive pre-training: unit vectors of voices and of faces in one space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np

from seetalk_jax.evaluation.probes import trunk
from seetalk_jax.media import audio


class Towers(NamedTuple):
  """Speech and face encoder of contrastive pre-training: modules and parameters."""

  speech_encoder: nn.Module
  speech_params: Any
  face_encoder: nn.Module
  face_params: Any

  def voices(self, recordings: Sequence[np.ndarray]) -> np.ndarray:
    """Unit vectors `[n, d]` of recordings of one length, mono at 16 kHz."""

    @jax.jit
    def encode(params, speech):
      return self.speech_encoder.apply({'params': params}, speech).embedding

    waveforms = (audio.normalise_loudness(speech)[None] for speech in recordings)
    return np.concatenate([np.asarray(encode(self.speech_params, speech)) for speech in waveforms])

  def faces(self, images: np.ndarray) -> np.ndarray:
    """Unit vectors `[n, d]` of uint8 portraits `[n, s, s, 3]`."""
    return trunk.apply_in_batches(self.face_encoder, self.face_params, images)
