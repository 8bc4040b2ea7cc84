"""Face landmarks of videos by MediaPipe, and the THEval measures of a video file or of frames with speech."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.evaluation.measures import theval
from seetalk_jax.media import face, timeline
from seetalk_jax.prepare import audio_checks, clips, tracks

FRAMINGS = ('portrait', 'frame')


class FaceTrack(NamedTuple):
  """Landmarks of one face in the `n` frames of a video at 25 fps.

  Attributes:
    points: float32 `[n, 478, 2]` in pixels of a picture of 256 x 256; NaN in frames without the face.
    angles: float64 `[n, 3]`, yaw, pitch and roll of the head in degrees; NaN likewise.
    blendshapes: float64 `[n, 52]`, ARKit's coefficients in the order of `blendshapes.NAMES`; NaN likewise.
    counts: int `[n]`, number of faces in every frame.
    box: the portrait crop of the whole video in pixels of its frames; None without a face.
    aspect: width over height of what was resized to 256 x 256.
  """

  points: np.ndarray
  angles: np.ndarray
  blendshapes: np.ndarray
  counts: np.ndarray
  box: face.FaceBox | None
  aspect: float

  def until(self, count: int) -> FaceTrack:
    """The first `count` frames."""
    names = ('points', 'angles', 'blendshapes', 'counts')
    return self._replace(**{name: getattr(self, name)[:count] for name in names})


def track_face(frames: Iterable[np.ndarray], read: tracks.Reader, framing: str = 'portrait') -> FaceTrack:
  """Landmarks of the face that is seen in most of the frames.

  Args:
    frames: uint8 `[h, w, 3]` at 25 fps; not kept in memory.
    read: function from `face.open_face_reader`.
    framing: 'portrait': pixels of the portrait crop, one square for the whole video. Videos of any framing are
      comparable, and so are videos of one shot in different sizes. 'frame': pixels of the whole frame, resized as
      THEval does.

  Raises:
    ValueError: an unknown framing.
  """
  if framing not in FRAMINGS:
    raise ValueError(f'framing {framing!r} is none of {", ".join(FRAMINGS)}')
  faces = tracks.watch(frames, read)
  points = np.zeros((0, face.NUM_LANDMARKS, 2), np.float32)
  angles = np.full((faces.num_frames, 3), np.nan)
  coefficients = np.full((faces.num_frames, len(blendshapes.NAMES)), np.nan)
  height, width = faces.size
  box = None
  if faces.tracks:
    track = max(faces.tracks, key=lambda each: np.count_nonzero(each.detected))
    rows = np.flatnonzero(track.detected)  # not the interpolated ones
    points = track.landmarks
    angles[track.start + rows] = np.degrees(clips.head_pose(track.rotations)[rows])
    coefficients[track.start + rows] = track.blendshapes[rows]
    box = face.median_box([each for row in rows if (each := face.portrait_box(points[row])) is not None])
    points[~track.detected] = np.nan  # in place, since the landmarks of a long video are large
    if framing == 'portrait':
      points -= np.array([box.left, box.top], np.float32)
      width = height = box.side
    points *= (theval.FRAME_SIDE / np.array([width, height])).astype(np.float32)
  before = track.start if faces.tracks else 0
  after = faces.num_frames - before - len(points)
  if before or after:
    points = np.pad(points, ((before, after), (0, 0), (0, 0)), constant_values=np.nan)
  return FaceTrack(points, angles, coefficients, faces.face_counts, box, width / height if height else 1.0)


def measure_frames(
  frames: Iterable[np.ndarray],
  waveform: np.ndarray | None,
  read: tracks.Reader,
  framing: str = 'portrait',
) -> dict[str, float]:
  """The THEval measures of frames with speech, by the names in `theval.NAMES`.

  Args:
    frames, read, framing: see `track_face`.
    waveform: about `[640 n]` at 16 kHz; None for a video without sound.

  Returns:
    NaN for what cannot be measured: everything without a face, lip sync without speech, silent lip stability
    without a silence of 0.3 s.
  """
  return measure_track(track_face(frames, read, framing), waveform)


def measure_video(
  path: str | os.PathLike, read: tracks.Reader, framing: str = 'portrait'
) -> dict[str, float]:
  """The THEval measures of a video file, as `measure_frames`; frames are resampled to 25 fps by time stamp.

  Raises:
    InputError: the file is missing, not a video, or damaged.
  """
  first: list[float] = []

  def frames() -> Iterator[np.ndarray]:
    for begin, pixels in timeline.grid_frames(path):
      if not first:
        first.append(begin)
      yield pixels

  track = track_face(frames(), read, framing)
  # The time of the first frame, to which the sound is aligned, is known only now.
  return measure_track(track, timeline.sound(path, first[0]) if timeline.probe(path).audio_rate_hz else None)


def measure_track(track: FaceTrack, waveform: np.ndarray | None) -> dict[str, float]:
  """The THEval measures of a face track with speech `[640 n]` at 16 kHz (None without sound), as `measure_frames`."""
  segments = np.zeros((0, 2)) if waveform is None else audio_checks.speech_segments(waveform)
  return theval.measure(track.points, track.angles, waveform, segments, aspect=track.aspect)
