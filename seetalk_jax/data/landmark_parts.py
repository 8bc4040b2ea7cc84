"""Part labels of real frames, drawn from face landmarks, or from a lip box where there are none."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from seetalk_jax.constants import Part
from seetalk_jax.media import landmark_indices as indices

# Contours from back to front. Brows are stored as upper and lower edge, both from the nose outwards.
_BROWS = [(*brow[:5], *brow[:4:-1]) for brow in (indices.RIGHT_BROW, indices.LEFT_BROW)]
_CONTOURS = (
  (indices.FACE_OUTLINE, Part.SKIN),
  *((brow, Part.BROW) for brow in _BROWS),
  (indices.RIGHT_EYE_CONTOUR, Part.EYE),
  (indices.LEFT_EYE_CONTOUR, Part.EYE),
  (indices.OUTER_LIP_CONTOUR, Part.LIP),
  (indices.INNER_LIP_CONTOUR, Part.MOUTH),
)
# Half width and half height of the lips, relative to the side of a lip box.
_LIPS_IN_BOX = (0.35, 0.25)


def estimated_parts(landmarks: np.ndarray | None, lip_box: np.ndarray | None, side: int) -> np.ndarray:
  """Part labels of one frame, from its landmarks.

  The hair, the ears and the body have the label of the background: landmarks do not show them.

  Args:
    landmarks: `[478, 2]` as (x, y) relative to the frame, or None; other numbers of points are taken as None.
    lip_box: `[4]` as (left, top, right, bottom), used without landmarks, or None.
    side: side of the result in cells.

  Returns:
    uint8 `[side, side]`, `constants.Part`; all background where nothing was measured.
  """
  labels = Image.new('L', (side, side), int(Part.BACKGROUND))
  draw = ImageDraw.Draw(labels)
  if has_landmarks(landmarks):
    places = landmarks * side - 0.5  # cell i has its center at (i + 0.5) / side
    for contour, part in _CONTOURS:
      draw.polygon([(float(x), float(y)) for x, y in places[list(contour)]], fill=int(part))
  elif lip_box is not None:
    left, top, right, bottom = (float(edge) * side - 0.5 for edge in lip_box)
    below = (bottom - top) * indices.LIP_BOX_BELOW / indices.LIP_BOX_SIDE
    x, y = (left + right) / 2, (top + bottom) / 2 - below
    half_x, half_y = (half * (right - left) for half in _LIPS_IN_BOX)
    draw.ellipse([x - half_x, y - half_y, x + half_x, y + half_y], fill=int(Part.LIP))
  return np.asarray(labels)


def has_landmarks(landmarks: np.ndarray | None) -> bool:
  """Whether these are the landmarks of MediaPipe's face mesh, of one frame `[n, 2]` or of several `[k, n, 2]`."""
  return landmarks is not None and landmarks.shape[-2] == indices.NUM_LANDMARKS
