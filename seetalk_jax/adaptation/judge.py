"""PSNR and sharpness of frames of a person that the networks draw from another frame, as a reenactment would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax.adaptation import face_region
from seetalk_jax.adaptation.recordings import Recording, Split
from seetalk_jax.inference import renderer
from seetalk_jax.media.psnr import psnr

PyTree = Any

# Most frames of a recording that are drawn for a use, evenly spaced.
_MOST = {'fit': 32, 'check': 8, 'held_out': 64}
_DB_PER_OCTAVE = 2.0  # of the sharpness, in the score
_LEAST_SHARPNESS = 1.0  # added to both sharpnesses of a ratio, so that plain pictures have one


class Figures(NamedTuple):
  """Figures of drawn frames.

  Attributes:
    psnr: mean PSNR in dB, over pixels that the recordings show.
    sharpness: variance of the Laplacian in the face, relative to that of the recorded frames; 1 is as sharp.
  """

  psnr: float
  sharpness: float

  @property
  def score(self) -> float:
    """PSNR in dB, less 2 dB for every halving or doubling of the sharpness.

    A blur raises the PSNR of a displaced picture by up to about 1 dB, and divides its sharpness by four or more.
    """
    return self.psnr - _DB_PER_OCTAVE * abs(float(np.log2(self.sharpness)))


class _Shots(NamedTuple):
  portrait: np.ndarray
  frames: np.ndarray
  inside: np.ndarray  # [n, s, s]


class Judge:
  """Draws frames with given parameters and compares them with what they should be.

  Args:
    draw: the renderer of the release.
    motion_of: parameters, uint8 `[n, s, s, 3]` -> motion latents `[n, motion_dim]` by phi_m with these parameters.
  """

  def __init__(
    self, draw: renderer.Renderer, motion_of: Callable[[Mapping[str, PyTree], np.ndarray], np.ndarray]
  ):
    self._draw, self._motion_of = draw, motion_of
    self._shots: dict[str, list[_Shots]] = {use: [] for use in _MOST}

  def add(self, use: str, portrait: np.ndarray, frames: np.ndarray, inside: np.ndarray) -> None:
    """Adds frames to a use; of many, some evenly spaced ones are drawn.

    Args:
      use: 'fit', 'check' or 'held_out'.
      portrait: the picture that is moved, uint8 `[s, s, 3]`.
      frames: uint8 `[n, s, s, 3]`.
      inside: bool `[n, s, s]`, or `[s, s]` for all, True where pixels count.
    """
    rows = slice(None, None, max(1, -(-len(frames) // _MOST[use])))
    if len(frames):
      inside = np.broadcast_to(inside, frames.shape[:3])
      self._shots[use].append(_Shots(portrait, frames[rows], inside[rows]))

  def add_recordings(
    self, recordings: Sequence[Recording], splits: Sequence[Split], params: Mapping[str, PyTree]
  ) -> None:
    """Adds the frames of recordings of one person by their use.

    The portrait is the recording's fitted frame whose motion, read with `params`, is closest to the mean; for a photo
    that is held out, it is the first fitted photo.
    """
    fitted = [recording.frames[split.fit] for recording, split in zip(recordings, splits, strict=True)]
    first = next(frames for frames in fitted if len(frames))
    for recording, split, frames in zip(recordings, splits, fitted, strict=True):
      portrait = self._middle(params, frames) if len(frames) else first[0]
      for use in _MOST:
        self.add(use, portrait, recording.frames[getattr(split, use)], recording.inside)

  def has(self, use: str) -> bool:
    """Whether there are frames of a use."""
    return bool(self._shots[use])

  def figures(self, params: Mapping[str, PyTree], use: str) -> Figures | None:
    """Figures of the frames of a use, drawn with parameters; None without such frames.

    Args:
      params: network -> parameters.
      use: 'fit', 'check' or 'held_out'.
    """
    draw, pairs = self._draw.with_params(params), []
    for portrait, frames, inside in self._shots[use]:
      drawn = draw.frames(portrait, self._motion_of(params, frames), 1.0)
      pairs += zip(drawn, frames, inside, strict=True)
    return figures_of(pairs) if pairs else None

  def score(self, params: Mapping[str, PyTree], use: str) -> float:
    """Score of the frames of a use, see `Figures.score`; 0 without such frames."""
    figures = self.figures(params, use)
    return 0.0 if figures is None else figures.score

  def _middle(self, params: Mapping[str, PyTree], frames: np.ndarray) -> np.ndarray:
    motion = self._motion_of(params, frames)
    return frames[np.argmin(np.linalg.norm(motion - motion.mean(axis=0), axis=1))]


def figures_of(pairs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figures:
  """Figures of (drawn, recorded, mask): uint8 `[s, s, 3]` twice, and bool `[s, s]`, True where pixels count."""
  psnrs = [masked_psnr(*pair) for pair in pairs]
  sharpnesses = [
    [face_region.sharpness(picture, mask) for picture in (drawn, recorded)] for drawn, recorded, mask in pairs
  ]
  drawn, recorded = np.nan_to_num(np.mean(sharpnesses, axis=0)) + _LEAST_SHARPNESS
  return Figures(float(np.mean(psnrs)), float(drawn / recorded))


def masked_psnr(drawn: np.ndarray, recorded: np.ndarray, mask: np.ndarray) -> float:
  """PSNR in dB of uint8 `[h, w, 3]` over the pixels where `mask [h, w]` is True; 99 for equal pictures."""
  return min(99.0, psnr(drawn, recorded, mask))
