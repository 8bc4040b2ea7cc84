"""Measuring of one video: landmarks and sound in a first pass over its frames, pictures in a second one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from seetalk_jax.evaluation.probes import landmarks
from seetalk_jax.evaluation.videos import picture_values, track_values
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.sources import Video
from seetalk_jax.media import face, image
from seetalk_jax.prepare import tracks

_CHUNK = 16  # frames


class Measured(NamedTuple):
  """Result for one video.

  Attributes:
    values: by the names in `catalogue.SINGLE`; NaN for what could not be measured.
    arrays: the fields of the `FaceTrack` by name (`box`: left, top and side `[3]`, NaN without a face), and features of
      networks for measures of sets.
  """

  values: dict[str, float]
  arrays: dict[str, np.ndarray]

  @property
  def track(self) -> landmarks.FaceTrack:
    """The face of the video."""
    left, top, side = self.arrays['box']
    return landmarks.FaceTrack(
      *(self.arrays[name] for name in ('points', 'angles', 'blendshapes', 'counts')),
      box=None if np.isnan(side) else face.FaceBox(float(left), float(top), float(side)),
      aspect=float(self.arrays['aspect']),
    )


def measure_video(
  video: Video, protocol: Protocol, read: tracks.Reader, networks: Networks | None = None
) -> Measured:
  """Measures a video; of its frames only a few are in memory at a time.

  Args:
    video: what to measure.
    protocol: how.
    read: function from `face.open_face_reader`.
    networks: those of the measures that need one; None: none.

  Raises:
    InputError: the video cannot be decoded.
  """
  track = landmarks.track_face(video.frames(), _remembering(read), protocol.framing)
  values = track_values.track_values(track, video.waveform())
  box = track.box
  arrays = {
    name: getattr(track, name).astype(np.float32, copy=False) for name in ('points', 'angles', 'blendshapes')
  }
  arrays['counts'], arrays['aspect'] = track.counts, np.array(track.aspect)
  arrays['box'] = np.full(3, np.nan) if box is None else np.array([box.left, box.top, box.side])
  collected: list[picture_values.Accumulator] = [
    picture_values.Sharpness(protocol.drift_seconds, protocol.picture_every),
  ]
  if picture_values.Flicker.available():
    collected.append(picture_values.Flicker())
  if networks is not None:
    collected += networks.accumulators(track, protocol)
    values |= networks.lip_sync(video, track)
  for chunk in chunks(square_frames(video.frames(), protocol, box)):
    for accumulator in collected:
      accumulator.add(chunk)
  for accumulator in collected:
    values |= accumulator.values()
    arrays |= accumulator.arrays()
  return Measured(values, arrays)


def square_frames(
  frames: Iterable[np.ndarray], protocol: Protocol, box: face.FaceBox | None
) -> Iterator[np.ndarray]:
  """Frames uint8 `[h, w, 3]` in the framing of the protocol: `[side, side, 3]`.

  A video without a face has no portrait framing: its whole frames are taken.
  """
  for pixels in frames:
    if protocol.framing == 'portrait' and box is not None:
      yield face.crop(pixels, box, protocol.side)
    else:
      yield image.resize(pixels, (protocol.side, protocol.side))


def chunks(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Frames `[S, S, 3]` in stacks of up to 16."""
  frames = iter(frames)
  while part := list(itertools.islice(frames, _CHUNK)):
    yield np.stack(part)


def _remembering(read: tracks.Reader) -> tracks.Reader:
  """A reader that gives the same reading for the same picture without a new search, for still videos."""
  last: list = [None, None]

  def remembered(pixels: np.ndarray) -> face.FaceReading:
    if last[0] is None or last[0].shape != pixels.shape or not np.array_equal(last[0], pixels):
      last[:] = [np.array(pixels), read(pixels)]
    return last[1]

  return remembered
