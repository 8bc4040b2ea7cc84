"""PSNR of frames of a person that the networks draw from another frame and phi_m's motion, as a reenactment would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seetalk_jax.adaptation.recordings import Recording, Split
from seetalk_jax.inference import renderer
from seetalk_jax.media.psnr import psnr

PyTree = Any

# Most frames of a recording that are drawn for a use, evenly spaced.
_MOST = {'fit': 32, 'check': 16, 'held_out': 64}


class Judge:
  """Draws frames of recordings with given parameters and compares them with the recorded ones.

  The portrait is the recording's fitted frame whose motion is closest to the recording's mean; for a photo that is held
  out, it is the first photo.

  Args:
    draw: the renderer of the release.
    recordings, splits: recordings of one person, and the use of their frames.
    motion_of: uint8 `[n, s, s, 3]` -> motion latents `[n, motion_dim]`.
  """

  def __init__(
    self,
    draw: renderer.Renderer,
    recordings: Sequence[Recording],
    splits: Sequence[Split],
    motion_of: Callable[[np.ndarray], np.ndarray],
  ):
    self._draw, self._recordings, self._splits = draw, recordings, splits
    self._motion = [motion_of(recording.frames) for recording in recordings]
    self._portraits = [self._portrait(index) for index in range(len(recordings))]

  def psnr(self, params: Mapping[str, PyTree], use: str) -> float | None:
    """Mean PSNR in dB over the frames of a use, over pixels that the recordings show; None without such frames.

    Args:
      params: network -> parameters.
      use: field of `Split`.
    """
    draw, values = self._draw.with_params(params), []
    for index, (recording, split) in enumerate(zip(self._recordings, self._splits, strict=True)):
      rows = getattr(split, use)
      rows = rows[:: max(1, -(-len(rows) // _MOST[use]))]
      if not len(rows):
        continue
      drawn = draw.frames(self._portraits[index], self._motion[index][rows], 1.0)
      values += [masked_psnr(drawn[i], recording.frames[row], recording.inside) for i, row in enumerate(rows)]
    return float(np.mean(values)) if values else None

  def _portrait(self, index: int) -> np.ndarray:
    rows = self._splits[index].fit
    if not len(rows):  # a photo that is held out
      index = next(i for i, split in enumerate(self._splits) if len(split.fit))
      rows = self._splits[index].fit
    motion = self._motion[index][rows]
    nearest = rows[np.argmin(np.linalg.norm(motion - motion.mean(axis=0), axis=1))]
    return self._recordings[index].frames[nearest]


def masked_psnr(drawn: np.ndarray, recorded: np.ndarray, mask: np.ndarray) -> float:
  """PSNR in dB of uint8 `[h, w, 3]` over the pixels where `mask [h, w]` is True; 99 for equal pictures."""
  return min(99.0, psnr(drawn, recorded, mask))
