"""Full-frame video: rendered heads put back into the whole photograph, with a feathered mask and matched colors."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import face
from seetalk_jax.media import image as image_lib

MAX_SIDE = 1920  # default limit of the longer side in pixels: photographs of phones are four times as large
MIN_SIDE = 16  # of both sides, for H.264

_FEATHER = 0.25  # width of the mask's edge, relative to half of the crop's side
_ROUNDNESS = 4  # exponent of the mask's outline: 2 is a circle, infinity the whole square
_GAINS = (0.8, 1.25)  # range of the color gain; a larger one would amplify the noise of a flat picture
_GRAY_LEVELS = 8  # differences of the channels of a black and white photo, after lossy compression
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_LEAST_SPREAD = 2.0  # levels of 255; with less spread there is no contrast to compare


@dataclasses.dataclass(frozen=True)
class ColorMatch:
  """Correction of rendered colors, in levels of 255.

  Attributes:
    gain, offset: one number per channel: `gain * head + offset`.
    gray: whether the head then loses its color, because the photo is black and white.
  """

  gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
  offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
  gray: bool = False

  def apply(self, head: np.ndarray) -> np.ndarray:
    """Corrected colors of uint8 `[h, w, 3]`, float32."""
    drawn = np.array(self.gain, np.float32) * head + np.array(self.offset, np.float32)
    return np.broadcast_to((drawn @ _LUMA)[..., None], drawn.shape) if self.gray else drawn


@dataclasses.dataclass(frozen=True)
class FullFrame:
  """Whole picture that rendered heads are put back into.

  Attributes:
    picture: uint8 `[h, w, 3]`, both sides even.
    box: portrait crop in pixels of `picture`; it may extend beyond the picture.
    colors: color correction of the heads.
  """

  picture: np.ndarray
  box: face.FaceBox
  colors: ColorMatch = ColorMatch()

  @property
  def size(self) -> tuple[int, int]:
    """(height, width) of the frames in pixels."""
    height, width = self.picture.shape[:2]
    return height, width

  @functools.cached_property
  def region(self) -> tuple[slice, slice]:
    """Rows and columns of the picture that the crop covers completely."""
    height, width = self.size
    rows = slice(max(0, int(np.ceil(self.box.top))), min(height, int(self.box.top + self.box.side)))
    columns = slice(max(0, int(np.ceil(self.box.left))), min(width, int(self.box.left + self.box.side)))
    return rows, columns

  @functools.cached_property
  def mask(self) -> np.ndarray:
    """Weight of the head per pixel of `region`, float32 `[m, n, 1]` in [0, 1]; 0 outside of it."""
    rows, columns = self.region
    v = (np.arange(rows.start, rows.stop) + 0.5 - self.box.top) / self.box.side
    u = (np.arange(columns.start, columns.stop) + 0.5 - self.box.left) / self.box.side
    return head_mask(v, u)[..., None]

  def put_back(self, head: np.ndarray, index: int = 0) -> np.ndarray:
    """Puts a rendered portrait crop, uint8 `[s, s, 3]`, into the picture: uint8 `[h, w, 3]`.

    Pixels where the mask is 0 are those of the picture, unchanged.

    Args:
      head: the rendered portrait crop.
      index: number of the frame; every frame has the same picture.
    """
    del index
    rows, columns = self.region
    frame = self.picture.copy()
    before = frame[rows, columns].astype(np.float32)
    drawn = self.colors.apply(self._at_its_place(head))
    blended = before + self.mask * (drawn - before)
    frame[rows, columns] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    return frame

  def matched(self, rendered: np.ndarray, crop: np.ndarray) -> FullFrame:
    """The same with the color correction that gives `rendered` the mean and contrast of the photograph.

    Args:
      rendered: the portrait drawn by the networks with its own pose and expression, uint8 `[s, s, 3]`.
      crop: the portrait crop of the photograph, uint8 `[s, s, 3]`.
    """
    centers = (np.arange(len(crop)) + 0.5) / len(crop)
    inside = face.inside_picture(self.box, self.size, len(crop))
    weight = (head_mask(centers, centers) * inside)[..., None]
    (drawn_mean, drawn_spread), (mean, spread) = (_moments(pixels, weight) for pixels in (rendered, crop))
    ratio = np.where(drawn_spread < _LEAST_SPREAD, 1.0, spread / np.maximum(drawn_spread, _LEAST_SPREAD))
    gain = np.clip(ratio, *_GAINS)
    offset = mean - gain * drawn_mean
    colors = ColorMatch(tuple(gain.tolist()), tuple(offset.tolist()), gray=_is_gray(crop))
    return dataclasses.replace(self, colors=colors)

  def _at_its_place(self, head: np.ndarray) -> np.ndarray:
    """The head in the pixels of `region`: the inverse of `face.crop`."""
    import PIL.Image

    rows, columns = self.region
    scale = len(head) / self.box.side
    place = (
      (columns.start - self.box.left) * scale,
      (rows.start - self.box.top) * scale,
      (columns.stop - self.box.left) * scale,
      (rows.stop - self.box.top) * scale,
    )
    place = tuple(float(np.clip(edge, 0, len(head))) for edge in place)  # rounding
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return np.asarray(
      PIL.Image.fromarray(head).resize(size, PIL.Image.Resampling.LANCZOS, box=place)  # pyright: ignore[reportArgumentType]
    )


def head_mask(v: np.ndarray, u: np.ndarray) -> np.ndarray:
  """Weight of the head at positions of the portrait crop, float32 `[m, n]`: 1 in the middle, 0 at the edges.

  Args:
    v, u: vertical `[m]` and horizontal `[n]` positions, 0 to 1.
  """
  y, x = np.abs(2 * v - 1)[:, None], np.abs(2 * u - 1)[None]
  radius = (y**_ROUNDNESS + x**_ROUNDNESS) ** (1 / _ROUNDNESS)
  ramp = np.clip((1 - radius) / _FEATHER, 0, 1)
  return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)


def open_full_frame(photo: face.Photo, longer_side: int | None = None) -> FullFrame:
  """Prepares the whole picture of a photo for a video.

  Args:
    photo: the photo, with the place of the face.
    longer_side: longer side of the video in pixels; None: that of the photo, at most `MAX_SIDE`. A photo that is
      not scaled loses its last row or column where their number is odd.

  Raises:
    PortraitError: the photo is a portrait crop already.
    InputError: the shorter side of the video is less than 16 pixels.
  """
  if photo.box is None:
    raise PortraitError(
      'a portrait crop has no picture around it, the portrait: give the whole photo, or leave out the full frame'
    )
  before = (photo.pixels.shape[0], photo.pixels.shape[1])
  size = video_size(before, longer_side)
  return FullFrame(scaled(photo.pixels, size), scaled_box(photo.box, before, size))


def video_size(size: tuple[int, int], longer_side: int | None = None) -> tuple[int, int]:
  """Even (height, width) of the video of a picture; arguments and errors as `open_full_frame`."""
  height, width = size
  longer = min(max(size), MAX_SIDE) if longer_side is None else longer_side
  if longer == max(size):
    even = (height - height % 2, width - width % 2)
  else:
    scale = longer / max(size)
    even = (2 * max(1, round(height * scale / 2)), 2 * max(1, round(width * scale / 2)))
  if min(even) < MIN_SIDE:
    raise InputError(
      f'a video of {even[1]} x {even[0]} pixels, the full frame: give a larger size, or crop the photo'
    )
  return even


def scaled(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """A picture in the (height, width) of `video_size`: without its odd row or column, or resized."""
  if _is_cropped(pixels.shape[:2], size):
    return np.ascontiguousarray(pixels[: size[0], : size[1]])
  return image_lib.resize(pixels, size)


def scaled_box(box: face.FaceBox, before: tuple[int, int], after: tuple[int, int]) -> face.FaceBox:
  """A portrait crop of a picture of size `before`, in the pixels of `scaled(picture, after)`."""
  if _is_cropped(before, after):
    return box
  down, right = after[0] / before[0], after[1] / before[1]
  return face.FaceBox(box.left * right, box.top * down, box.side * (down * right) ** 0.5)


def _is_cropped(before: tuple[int, ...], after: tuple[int, int]) -> bool:
  return all(0 <= old - new <= 1 for old, new in zip(before, after, strict=True))


def _is_gray(pixels: np.ndarray) -> bool:
  """Whether uint8 `[h, w, 3]` is black and white; a picture in one tint, such as sepia, is not."""
  channels = pixels.astype(np.int16)
  return float(np.percentile(channels.max(axis=-1) - channels.min(axis=-1), 99)) <= _GRAY_LEVELS


def _moments(pixels: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Weighted mean and standard deviation of each channel of uint8 `[s, s, 3]`."""
  values, total = pixels.astype(np.float64), max(float(weight.sum()), 1e-6)
  mean = (weight * values).sum(axis=(0, 1)) / total
  return mean, np.sqrt((weight * (values - mean) ** 2).sum(axis=(0, 1)) / total)
