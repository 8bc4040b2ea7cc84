"""Aligned face crops for face recognizers: five landmarks are moved to the places that ArcFace was trained with."""

from __future__ import annotations

import numpy as np

from seetalk_jax.media import landmark_indices as indices

SIDE = 112  # pixels
# Places of ArcFace's crops in pixels: eyes, tip of the nose, corners of the mouth; left in the picture first.
TEMPLATE = np.array(
  [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
_NOSE_TIP = 1


def five_points(points: np.ndarray) -> np.ndarray:
  """Eyes, nose and corners of the mouth `[n, 5, 2]` of MediaPipe's landmarks `[n, 478, 2]`."""
  eyes = [
    points[:, list(corners)].mean(axis=1) for corners in (indices.EYE_CORNERS[:2], indices.EYE_CORNERS[2:])
  ]
  right, left = indices.MOUTH_CORNERS
  return np.stack([*eyes, points[:, _NOSE_TIP], points[:, right], points[:, left]], axis=1)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
  """Least-squares similarity `[2, 3]` of points `[k, 2]` to others: rotation, one scale, shift (Umeyama 1991)."""
  source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
  center, place = source.mean(axis=0), target.mean(axis=0)
  # As complex numbers a similarity is a product and a sum.
  a, b = ((each - middle) @ (1, 1j) for each, middle in ((source, center), (target, place)))
  factor = np.vdot(a, b) / np.vdot(a, a)
  turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
  return np.concatenate([turn, (place - turn @ center)[:, None]], axis=1)


def aligned_crop(frame: np.ndarray, points: np.ndarray, side: int = SIDE) -> np.ndarray:
  """Crop uint8 `[side, side, 3]` of a frame uint8 `[h, w, 3]`; black outside the frame.

  Args:
    frame: the picture.
    points: `[478, 2]`, landmarks in its pixels.
    side: side of the crop; the template is scaled.
  """
  import PIL.Image

  to_crop = similarity(five_points(points[None])[0], TEMPLATE * (side / SIDE))
  whole = np.linalg.inv(np.vstack([to_crop, (0, 0, 1)]))  # PIL maps places of the crop to those of the frame
  image = PIL.Image.fromarray(frame)
  crop = image.transform(
    (side, side), PIL.Image.Transform.AFFINE, tuple(whole[:2].ravel()), PIL.Image.Resampling.BICUBIC
  )
  return np.asarray(crop)
