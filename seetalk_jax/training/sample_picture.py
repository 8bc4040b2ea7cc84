"""Sample pictures of training with a label above each row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_STRIP, _MARGIN = 16, 3  # height of a label, and space around its text, in pixels
_INK, _PAPER = (40, 40, 40), (250, 250, 250)


def labeled(picture: np.ndarray, labels: Sequence[str]) -> np.ndarray:
  """A picture of rows of equal height, each with its label above it; as wide as the widest label at least.

  Args:
    picture: uint8 `[rows * h, w, 3]`.
    labels: of the rows; () for a picture without labels.

  Returns:
    uint8 `[rows * (h + 16), w or more, 3]`.

  Raises:
    ValueError: the height is not a multiple of the number of labels.
  """
  if not labels:
    return picture
  height, width = picture.shape[:2]
  side, rest = divmod(height, len(labels))
  if rest:
    raise ValueError(f'a picture of {height} rows of pixels has no {len(labels)} rows of equal height')
  font = ImageFont.load_default()
  widest = max(math.ceil(font.getlength(label)) for label in labels) + 2 * _MARGIN
  sheet = Image.new('RGB', (max(width, widest), len(labels) * (side + _STRIP)), _PAPER)
  draw = ImageDraw.Draw(sheet)
  for row, label in enumerate(labels):
    top = row * (side + _STRIP)
    draw.text((_MARGIN, top + _MARGIN), label, fill=_INK, font=font)
    sheet.paste(Image.fromarray(picture[row * side : (row + 1) * side]), (0, top + _STRIP))
  return np.asarray(sheet)
