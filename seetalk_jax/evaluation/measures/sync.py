"""Lip-sync distance by a sync expert that no evaluated network was trained with."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np

from seetalk_jax.constants import SAMPLES_PER_FRAME, SYNC_FRAMES
from seetalk_jax.inference.batching import in_fixed_batches
from seetalk_jax.models.critics.sync_expert import SyncExpert, cosine_of_frames
from seetalk_jax.models.critics.syncnet import SyncNet
from seetalk_jax.models.nn import image_ops

_BATCH = 16


class SyncJudge:
  """Mean distance between mouth and sound windows.

  Args:
    expert, params: from a separate run of the stage sync_expert with another seed and other sizes.
  """

  def __init__(self, expert: SyncExpert | SyncNet, params: Any):
    self._params, self._num_samples = params, expert.num_samples
    self._run = _compiled(expert)

  def __call__(self, frames: np.ndarray, speech: np.ndarray, centers: np.ndarray) -> float:
    """One minus the cosine similarity, 0 to 2, averaged over all windows of 5 frames.

    Args:
      frames: uint8 `[n, S, S, 3]`, portraits.
      speech: `[640 n]` at 16 kHz.
      centers: mouth centers `[n, 2]`, (x, y) in picture units. A window is cropped at its mean center, as in
        training.
    """
    count = min(len(frames), len(speech) // SAMPLES_PER_FRAME) - SYNC_FRAMES + 1
    speech = np.pad(speech, (0, self._num_samples))  # the last window may extend beyond the end

    def cosine(rows):
      starts = SAMPLES_PER_FRAME * rows
      sounds = np.stack([speech[start : start + self._num_samples] for start in starts])
      mouths = np.stack([frames[row : row + SYNC_FRAMES] for row in rows])
      at = np.stack([np.mean(centers[row : row + SYNC_FRAMES], axis=0) for row in rows])
      return self._run(self._params, sounds, mouths, at.astype(np.float32))

    return float((1.0 - in_fixed_batches(cosine, np.arange(count), size=_BATCH)).mean())


@functools.cache
def _compiled(expert: SyncExpert | SyncNet):
  @jax.jit
  def run(params, sounds, frames, centers):
    return cosine_of_frames(expert, {'params': params}, sounds, image_ops.to_float(frames), centers)

  return run
