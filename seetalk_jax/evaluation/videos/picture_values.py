"""Values of one video from its pictures: sharpness, its drift, and flicker after optical flow."""

from __future__ import annotations

import importlib.util
from typing import Any, Protocol

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.evaluation.measures import blur, pictures
from seetalk_jax.evaluation.videos import catalogue

_WINDOW = FPS // 2  # frames on either side of a time at which drift is read


class Accumulator(Protocol):
  """A measure that takes the frames of a video in order and keeps nothing that grows with their number."""

  def add(self, frames: np.ndarray) -> None:
    """Takes the next frames, uint8 `[t, S, S, 3]`."""

  def values(self) -> dict[str, float]:
    """The values of the video, by the names of the catalogue."""

  def arrays(self) -> dict[str, np.ndarray]:
    """Features for measures of sets; often none."""


class Sharpness:
  """Gradient energy of all frames, that at a late time over that at the start, and CPBD of every k-th frame.

  Args:
    drift_seconds: times; the last one that the video reaches counts.
    every: k.
  """

  def __init__(self, drift_seconds: tuple[float, ...], every: int):
    self._every, self._cpbd = every, []
    self._marks = (0.0, *drift_seconds)
    self._count, self._total = 0, 0.0
    self._near = {mark: [0.0, 0] for mark in self._marks}

  def add(self, frames: np.ndarray) -> None:
    """Takes the next frames, uint8 `[t, S, S, 3]`."""
    for frame in frames:
      energy = pictures.gradient_energy(frame)
      for mark in self._marks:
        if abs(self._count - mark * FPS) <= _WINDOW:
          self._near[mark][0] += energy
          self._near[mark][1] += 1
      if self._count % self._every == 0:
        self._cpbd.append(blur.cpbd(blur.gray_levels(frame)))
      self._total += energy
      self._count += 1

  def values(self) -> dict[str, float]:
    """`sharpness`, `cpbd`, and `sharpness_drift` at the last time and at each of `catalogue.DRIFT_SECONDS`.

    `sharpness_drift` is NaN for a video that reaches none of the times; times that it does not reach are left out.
    """
    reached = [mark for mark in self._marks[1:] if self._count >= mark * FPS + _WINDOW]
    drifts = {mark: self._near_mean(mark) / (self._near_mean(0.0) or float('nan')) for mark in reached}
    mean = self._total / self._count if self._count else float('nan')
    cpbd = float(np.mean(self._cpbd)) if self._cpbd else float('nan')
    last = drifts[reached[-1]] if reached else float('nan')
    values = {'sharpness': mean, 'sharpness_drift': last, 'cpbd': cpbd}
    return values | catalogue.drift_values('sharpness_drift', drifts)

  def _near_mean(self, mark: float) -> float:
    total, count = self._near[mark]
    return total / count

  def arrays(self) -> dict[str, np.ndarray]:
    """Nothing."""
    return {}


class Flicker:
  """Mean absolute difference of a frame and the frame before it, moved by optical flow from one to the other.

  The flow is OpenCV's dense inverse search (arXiv 1603.03590). Real motion that it does not follow, such as an opening
  mouth, counts too: compare with the value of real videos.
  """

  @staticmethod
  def available() -> bool:
    """Whether OpenCV is installed; MediaPipe brings it."""
    return importlib.util.find_spec('cv2') is not None

  def __init__(self):
    import cv2

    self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    self._last: Any = None
    self._total, self._count = 0.0, 0

  def add(self, frames: np.ndarray) -> None:
    """Takes the next frames, uint8 `[t, S, S, 3]`."""
    for frame in frames:
      if self._last is not None:
        self._total += self._difference(self._last, frame)
        self._count += 1
      self._last = np.array(frame)

  def _difference(self, before: np.ndarray, after: np.ndarray) -> float:
    import cv2

    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (after, before)]
    flow = self._flow.calc(*gray, None)  # where each pixel of `after` was
    height, width = gray[0].shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    moved = cv2.remap(before, grid + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.abs(moved.astype(np.float32) - after).mean())

  def values(self) -> dict[str, float]:
    """`flicker` in levels of 255; NaN for fewer than two frames."""
    return {'flicker': self._total / self._count if self._count else float('nan')}

  def arrays(self) -> dict[str, np.ndarray]:
    """Nothing."""
    return {}
