"""Test recordings with green squares as faces, and their detector: preparation without MediaPipe."""

from __future__ import annotations

import contextlib
import fractions
import pathlib
from collections.abc import Sequence

import numpy as np

from seetalk_jax.media import face, landmark_indices


def landmarks(left: float, top: float, side: float, opening: float) -> np.ndarray:
  """Landmarks float32 [478, 2] in pixels of a face that fills a square."""
  points = np.tile(np.array([0.5, 0.5]), (face.NUM_LANDMARKS, 1))
  for index, x in zip(face.EYE_CORNERS, (0.25, 0.4, 0.6, 0.75), strict=True):
    points[index] = (x, 0.35)
  points[face.CHIN] = (0.5, 1.0)
  points[landmark_indices.FACE_ENDS[0]] = (0.5, 0.0)
  for index, x in zip(landmark_indices.MOUTH_CORNERS, (0.4, 0.6), strict=True):
    points[index] = (x, 0.75)
  points[landmark_indices.INNER_LIPS[0]] = (0.5, 0.75 - 0.5 * opening)
  points[landmark_indices.INNER_LIPS[1]] = (0.5, 0.75 + 0.5 * opening)
  points[234], points[454] = (0.0, 0.5), (1.0, 0.5)
  return (np.array([left, top]) + side * points).astype(np.float32)


def read(pixels: np.ndarray) -> face.FaceReading:
  """Detects every green square as a face; its red value encodes the mouth opening."""
  green = (pixels[..., 1] > 140) & (pixels[..., 2] < 110)
  found = []
  columns = np.flatnonzero(green.any(axis=0))
  for group in np.split(columns, np.flatnonzero(np.diff(columns) > 3) + 1) if len(columns) else ():
    rows = np.flatnonzero(green[:, group].any(axis=1))
    if len(group) >= 8 and len(rows) >= 8:
      red = pixels[rows[4] : rows[-4], group[4] : group[-4], 0].mean() / 255
      found.append(landmarks(group[0], rows[0], len(group), 0.3 * float(red)))
  height, width = pixels.shape[:2]
  points = np.array(found, np.float32).reshape(-1, face.NUM_LANDMARKS, 2) / np.array(
    [width, height], np.float32
  )
  count = len(found)
  return face.FaceReading(
    points.astype(np.float32),
    np.zeros((count, 52), np.float32),
    np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
  )


def write(
  path: pathlib.Path,
  *,
  seconds: float = 3.0,
  fps: float = 25.0,
  size: tuple[int, int] = (240, 320),
  squares: Sequence[tuple[float, float, float]] = ((110, 40, 100),),
  drift: float = 0.0,
  sound: str | None = 'speech',
  late: float = 0.0,
  seed: int = 0,
) -> pathlib.Path:
  """Writes a recording.

  Args:
    squares: (left, top, side) of every face in pixels.
    drift: speed of the faces to the right, in pixels per second.
    sound: 'speech' (syllables in sync with the mouths), 'hum', 'silence', or None for no sound track.
    late: delay of the sound in seconds.
  """
  import av

  rng = np.random.default_rng(seed)
  rate, height, width = 16_000, *size
  grid = np.arange(0.0, seconds, 0.01)
  steps = np.repeat(rng.uniform(0.0, 1.0, int(seconds / 0.12) + 2), 12)[: len(grid)]
  steps[rng.uniform(size=len(grid)) < 0.0] = 0.0
  envelope = np.convolve(steps, np.hanning(13) / np.hanning(13).sum(), mode='same')
  envelope = np.clip(2.0 * envelope - 0.6, 0.0, 1.0)
  texture = rng.integers(0, 60, (height, width, 3)).astype(np.uint8)
  with av.open(str(path), 'w') as container:
    video = container.add_stream('mpeg4', rate=fractions.Fraction(fps).limit_denominator(1001))
    video.width, video.height, video.pix_fmt, video.bit_rate = width, height, 'yuv420p', 4_000_000
    stream = None
    if sound is not None:
      stream = container.add_stream('aac', rate=rate, layout='mono')
    for index in range(round(seconds * fps)):
      at = index / fps
      pixels = texture.copy()
      opening = envelope[min(int(at / 0.01), len(grid) - 1)]
      for left, top, side in squares:
        x = round(left + drift * at)
        pixels[round(top) : round(top + side), max(0, x) : x + round(side)] = (int(200 * opening), 220, 30)
      frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
      frame.pts = index
      frame.time_base = 1 / fractions.Fraction(fps).limit_denominator(1001)
      container.mux(video.encode(frame))
    container.mux(video.encode(None))
    if stream is not None:
      times = np.arange(round(seconds * rate)) / rate
      loud = np.interp(times - late, grid, envelope)
      tone = sum(np.sin(2 * np.pi * 140 * k * times) / k for k in range(2, 12))
      waveform = {'speech': 0.2 * loud * tone, 'hum': 0.1 * tone, 'silence': 0.0 * tone}[sound]
      waveform = (waveform + 1e-5 * rng.normal(size=len(times)) * (sound == 'speech')).astype(np.float32)
      for start in range(0, len(waveform), 1024):
        part = np.ascontiguousarray(waveform[start : start + 1024][None])
        frame = av.AudioFrame.from_ndarray(part, format='fltp', layout='mono')
        frame.sample_rate, frame.pts, frame.time_base = rate, start, fractions.Fraction(1, rate)
        container.mux(stream.encode(frame))
      container.mux(stream.encode(None))
  return path


def use(monkeypatch) -> None:
  """Replaces MediaPipe by `read` in this process."""
  monkeypatch.setattr(face, 'open_face_reader', lambda path: contextlib.nullcontext(read))
  monkeypatch.setattr(face, 'landmarker_file', lambda path=None, can_be_aligned=True: str(path))
