"""What a picture or video says about its origin: tag, settings, signature and watermark."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib

import numpy as np

from seetalk_jax.media import image, pipes, tags, timeline, video
from seetalk_jax.provenance import detection, manifest, watermark

MAX_FRAMES = 125  # of a video, every other one of its first 10 s: their mean shows the watermark
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709


@dataclasses.dataclass(frozen=True)
class Tag:
  """Text that says that a file is synthetic.

  Attributes:
    title, comment: the texts.
  """

  title: str
  comment: str


@dataclasses.dataclass(frozen=True)
class Report:
  """What was found in a file.

  Attributes:
    tag: tag of this library, or None.
    settings: name -> value of what the tag says about how the file was made.
    signature: signed manifest, of any program, or None.
    watermark: watermark of this library, or None.
  """

  tag: Tag | None
  settings: dict[str, str]
  signature: manifest.Signature | None
  watermark: detection.Detection | None

  @property
  def watermark_is_of_tag(self) -> bool | None:
    """Whether the watermark is the one that the tag names; None if either is missing."""
    named = self.settings.get('watermark')
    if self.watermark is None or named is None:
      return None
    return named == watermark.Watermark(self.watermark.payload).name


def inspect(
  path: str | os.PathLike, *, trust: str | os.PathLike | None = None, key: bytes = watermark.PUBLIC_KEY
) -> Report:
  """Reads the marks of a picture or video.

  Args:
    path: the file.
    trust: PEM file of authorities whose certificates are trusted; None: none.
    key: key of the watermark.

  Raises:
    InputError: the file is missing, damaged, or neither a picture nor a video, or `trust` cannot be used.
  """
  with pipes.seekable(path) as readable:
    signature = manifest.read(readable, trust) if readable.is_file() else None
    if readable.is_file() and image.is_image(readable):
      pixels, text = image.load_image_and_text(readable)
      luma = pixels @ _LUMA
      settings = {
        name.removeprefix('seetalk:'): value for name, value in text.items() if name.startswith('seetalk:')
      }
      tag = Tag(text.get('Title', ''), text.get('Comment', ''))
    else:
      luma = mean_luma(readable)
      text = video.read_metadata(readable)
      tag = Tag(text.get('title', ''), text.get('comment', ''))
      settings = _settings(tag.comment)
  if not tag.comment.startswith(tags.SYNTHETIC):
    tag, settings = None, {}
  return Report(tag, settings, signature, detection.find(detection.spectra_of(luma), key))


def mean_luma(path: str | os.PathLike) -> np.ndarray:
  """Mean luma of frames of a video, float64 `[h, w]`; the watermark is the same in all of them.

  Raises:
    InputError: the file is missing, not a video, or damaged.
  """
  total, count = None, 0
  for _, pixels in itertools.islice(timeline.grid_frames(pathlib.Path(path)), 0, 2 * MAX_FRAMES, 2):
    if total is None:
      total = np.zeros(pixels.shape, np.uint32)
    elif total.shape != pixels.shape:  # joined files
      break
    total += pixels
    count += 1
  assert total is not None, 'grid_frames raises for a file without frames'
  return total @ _LUMA / count


def _settings(comment: str) -> dict[str, str]:
  """The record in the comment of a video: `...; seed 0; checkpoint demo`."""
  pairs = [entry.partition(' ') for entry in comment.split('; ')[1:]]
  return {name: value for name, _, value in pairs}
