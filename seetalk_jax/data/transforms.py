"""Transforms of records and frames: joining records of a clip, sampling windows, cropping mouth and face.

Random functions use the random generator of the element, so an element depends only on its seed. Mirror images are in
`picture_augment`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from seetalk_jax import constants
from seetalk_jax.data import schema
from seetalk_jax.errors import InputError

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
# `step` -> the record `step` positions later in the corpus, or None.
Beside = Callable[[int], schema.ClipRecord | None]


def stretch(record: schema.ClipRecord, beside: Beside, num_frames: int) -> schema.ClipRecord:
  """Joins the following records of the clip to a real record until `num_frames` frames or the end of the clip."""
  joined, step = record, 1
  while record.truth is None and len(joined.frames) < num_frames:
    further = beside(step)
    if further is None or not schema.follows(further, joined):
      break
    joined, step = schema.join(joined, further), step + 1
  return joined


def random_window(
  record: schema.ClipRecord, beside: Beside, rng: np.random.Generator, length: int, view: str
) -> tuple[schema.ClipRecord, int]:
  """Samples a window of `length` frames that starts in `record`.

  If the clip ends too early, the window starts in a previous record.

  Returns:
    (joined records, index of the first frame of the window in them).

  Raises:
    InputError: the clip is shorter than the window.
  """
  joined = stretch(record, beside, len(record.frames) + length - 1)
  # Earlier records until the window can start in as many frames as the record has.
  wanted = length + len(record.frames) - 1 if len(joined.frames) < length and record.truth is None else 0
  step = -1
  while len(joined.frames) < wanted:
    before = beside(step)
    if before is None or not schema.follows(joined, before):
      break
    joined, step = schema.join(before, joined), step - 1
  if len(joined.frames) < length or joined.lip_box is None:
    raise InputError(
      f'view {view} needs {length} frames with lip boxes, a clip has {len(joined.frames)}: '
      'render or prepare longer clips'
    )
  return joined, int(rng.integers(min(len(record.frames), len(joined.frames) - length + 1)))


def same_clip(
  record: schema.ClipRecord,
  beside: Beside,
  rng: np.random.Generator,
  reach: int,
  accepts: Callable[[schema.ClipRecord], bool] = lambda record: True,
) -> schema.ClipRecord:
  """Samples a record of the same clip, at most `reach` records away; it may be the record itself.

  Args:
    record: of the clip; it passes the filter.
    beside: `step` -> the record `step` positions later.
    rng: random generator of the element.
    reach: largest distance, in records.
    accepts: filter. In the place of a refused record comes the next accepted one on the way back to `record`.
  """
  wanted, farthest, found = int(rng.integers(-reach, reach + 1)), record, record
  direction = 1 if wanted > 0 else -1
  for step in range(direction, wanted + direction, direction):
    other = beside(step)
    pair = (other, farthest) if direction > 0 else (farthest, other)
    if other is None or not schema.follows(*pair):
      break
    farthest = other
    found = other if accepts(other) else found
  return found


def speaker_number(speaker: int | str) -> int:
  """Speaker as an int32: integers are kept, names are hashed (stable across processes and versions)."""
  if isinstance(speaker, str):
    return int.from_bytes(hashlib.blake2b(speaker.encode(), digest_size=4).digest(), 'big') >> 1
  return int(speaker)


def mouth_box(lip_boxes: np.ndarray, window: slice) -> np.ndarray:
  """Crop box of the mouth for the frames in `window`: one fixed box, in which the lips move.

  Args:
    lip_boxes: float `[k, 4]` of the whole clip, as (left, top, right, bottom).
    window: frames to crop.

  Returns:
    float32 `[4]`. The center is the mean center in the window. The width is that of the widest lip box of the
    clip, because a width that follows the lips would hide their motion. The height is half the width.
  """
  boxes = np.asarray(lip_boxes, np.float32)
  centre_x, centre_y = (boxes[window, :2] + boxes[window, 2:]).mean(0) / 2
  half = float((boxes[:, 2] - boxes[:, 0]).max()) / 2
  height, width = constants.MOUTH_SIZE
  tall = half * height / width
  return np.array([centre_x - half, centre_y - tall, centre_x + half, centre_y + tall], np.float32)


def crop_mouth(image: np.ndarray, box: np.ndarray) -> np.ndarray:
  """Crops the relative `box` `[4]` of a uint8 image to uint8 `[48, 96, 3]`; the box is moved inside the image."""
  height, width = image.shape[:2]
  left, top, right, bottom = (float(edge) for edge in box)
  across, down = min(right - left, 1.0), min(bottom - top, 1.0)
  left, top = min(max(left, 0.0), 1.0 - across), min(max(top, 0.0), 1.0 - down)
  right, bottom = min(left + across, 1.0), min(top + down, 1.0)
  pixels = (left * width, top * height, right * width, bottom * height)
  crop = Image.fromarray(image).resize(constants.MOUTH_SIZE[::-1], Image.Resampling.BILINEAR, box=pixels)
  return np.asarray(crop)


def crop_face(image: np.ndarray) -> np.ndarray:
  """Crops SyncNet's face box (`constants.FACE_BOX`) of a uint8 portrait to uint8 `[224, 224, 3]`."""
  height, width = image.shape[:2]
  left, top, right, bottom = constants.FACE_BOX
  below = math.ceil((bottom - 1.0) * height)
  whole = Image.fromarray(np.pad(image, ((0, below), (0, 0), (0, 0)), mode='edge'))
  box = (left * width, top * height, right * width, bottom * height)
  return np.asarray(whole.resize((constants.FACE_SIZE,) * 2, Image.Resampling.BILINEAR, box=box))
