"""Tracked videos: whole frames at 25 fps, with a portrait crop that follows the face of one person."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import driving, face, full_frame, timeline

SMOOTHING_FRAMES = 5.0  # standard deviation of the smoothing of the crop's place and size, 0.2 s
_KEPT_PICTURES = 24  # of a reader: more than the chunks that a clip renders ahead, and the one it shows


@dataclasses.dataclass(frozen=True)
class TrackedVideo:
  """Video of one person whose face is tracked.

  Attributes:
    path: path of the file.
    size: (height, width) of the pictures in pixels, both even.
    boxes: left, top and side of the portrait crop in pixels per frame, float64 `[num_frames, 3]`.
  """

  path: pathlib.Path
  size: tuple[int, int]
  boxes: np.ndarray

  @property
  def num_frames(self) -> int:
    """Number of frames at 25 fps."""
    return len(self.boxes)

  def box(self, index: int) -> face.FaceBox:
    """Portrait crop of a frame."""
    return face.FaceBox(*map(float, self.boxes[index]))

  def pictures(self) -> Iterator[np.ndarray]:
    """Yields uint8 `[h, w, 3]` in order."""
    for _, pixels in timeline.grid_frames(self.path):
      yield full_frame.scaled(pixels, self.size)

  def checksum(self) -> str:
    """Checksum of the file's content, 16 hexadecimal digits."""
    return files.checksum(self.path)[:16]


class PictureReader:
  """Pictures of a tracked video by their number, decoded once if they are read in order.

  Args:
    video: the video.
  """

  def __init__(self, video: TrackedVideo):
    self._video = video
    self._kept: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
    self._pictures, self._next = video.pictures(), 0

  def picture(self, index: int) -> np.ndarray:
    """Picture `index` of the video, uint8 `[h, w, 3]`; a picture long ago starts the decoding anew.

    Raises:
      InputError: the video has fewer frames than before.
    """
    if index < self._next and index not in self._kept:
      self._pictures, self._next = self._video.pictures(), 0
      self._kept.clear()
    while self._next <= index:
      picture = next(self._pictures, None)
      if picture is None:
        raise InputError(f'the video ends early, {self._video.path}: it was changed meanwhile')
      self._kept[self._next] = picture
      self._next += 1
      if len(self._kept) > _KEPT_PICTURES:
        self._kept.popitem(last=False)
    return self._kept[index]

  def crop(self, index: int, side: int) -> np.ndarray:
    """Portrait crop of a frame, uint8 `[side, side, 3]`."""
    return face.crop(self.picture(index), self._video.box(index), side)


@dataclasses.dataclass(frozen=True)
class VideoFullFrame:
  """Frames of a tracked video that rendered heads are put back into; see `full_frame.FullFrame`.

  Attributes:
    video: the video.
    reader: its pictures.
    colors: color correction of the heads.
  """

  video: TrackedVideo
  reader: PictureReader
  colors: full_frame.ColorMatch = full_frame.ColorMatch()

  @property
  def size(self) -> tuple[int, int]:
    """(height, width) of the frames in pixels."""
    return self.video.size

  def put_back(self, head: np.ndarray, index: int) -> np.ndarray:
    """Puts a rendered portrait crop, uint8 `[s, s, 3]`, into frame `index`: uint8 `[h, w, 3]`."""
    whole = full_frame.FullFrame(self.reader.picture(index), self.video.box(index), self.colors)
    return whole.put_back(head)

  def matched(self, rendered: np.ndarray, crop: np.ndarray) -> VideoFullFrame:
    """The same with the color correction of the first frame; see `FullFrame.matched`."""
    first = full_frame.FullFrame(self.reader.picture(0), self.video.box(0)).matched(rendered, crop)
    return dataclasses.replace(self, colors=first.colors)


def open_tracked(
  path: str | os.PathLike,
  *,
  landmarker: str | os.PathLike | None = None,
  longer_side: int | None = None,
) -> VideoFullFrame:
  """Opens a video of one person and tracks the face.

  Faces are found in every fifth frame. Their places are interpolated and smoothed over time.

  Args:
    path: any video; frames are resampled to 25 fps by their time stamps.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment variable SEETALK_FACE_LANDMARKER.
    longer_side: as for `full_frame.open_full_frame`.

  Raises:
    InputError: the file is missing, not a video, or damaged.
    PortraitError: there is no face or several, the face is not upright, or no landmarker is available.
  """
  path = pathlib.Path(path)
  if path.is_dir() or not path.exists():
    raise PortraitError(f'no such picture or video, {path}: check the path')
  if not timeline.probe(path).has_picture:
    raise PortraitError(f'neither a picture nor a video, {path}: give a photo or a video of one person')
  found = driving.scan_faces(path, landmarker)
  driving.one_person(found.detections, path)
  size = full_frame.video_size(found.size, longer_side)
  boxes = [
    [full_frame.scaled_box(box, found.size, size) for box in detection] for detection in found.detections
  ]
  video = TrackedVideo(path, size, track(boxes, found.num_frames))
  return VideoFullFrame(video, PictureReader(video))


def track(detections: list[list[face.FaceBox]], num_frames: int) -> np.ndarray:
  """Smooth portrait crops of all frames, float64 `[num_frames, 3]` (left, top, side).

  Args:
    detections: crops per examined frame, every `driving.DETECT_EVERY`-th, the largest first; at least one has a face.
    num_frames: number of frames.
  """
  rows, frames, last = [], [], None
  for number, boxes in enumerate(detections):
    if not boxes:
      continue
    last = boxes[0] if last is None else max(boxes, key=last.overlap)
    rows.append((last.left + 0.5 * last.side, last.top + 0.5 * last.side, last.side))
    frames.append(number * driving.DETECT_EVERY)
  places = np.array(rows, np.float64)
  each = np.stack([np.interp(np.arange(num_frames), frames, column) for column in places.T])
  reach = int(3 * SMOOTHING_FRAMES)
  kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING_FRAMES) ** 2)
  padded = np.pad(each, ((0, 0), (reach, reach)), mode='edge')
  x, y, side = (np.convolve(row, kernel / kernel.sum(), mode='valid') for row in padded)
  return np.stack([x - 0.5 * side, y - 0.5 * side, side], axis=1)
