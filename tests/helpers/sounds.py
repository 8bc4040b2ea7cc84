"""Sound files of any container, codec, rate and channel count for the tests."""

from __future__ import annotations

import fractions
import pathlib
from collections.abc import Mapping

import numpy as np


def tone(seconds: float, rate_hz: int = 16_000, channels: int = 1, hz: float = 220.0) -> np.ndarray:
  """A sine with amplitude modulation at 3 Hz, float32 `[n, channels]`, peak about 0.5."""
  t = np.arange(round(seconds * rate_hz)) / rate_hz
  wave = 0.5 * np.sin(2 * np.pi * hz * t) * (0.6 - 0.4 * np.cos(2 * np.pi * 3 * t))
  return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def write_sndfile(path: pathlib.Path, samples: np.ndarray, rate_hz: int, **kwargs) -> pathlib.Path:
  """Writes wav, flac, ogg or mp3 with libsndfile."""
  import soundfile

  soundfile.write(path, samples, rate_hz, **kwargs)
  return path


def write_av(
  path: pathlib.Path,
  samples: np.ndarray,
  rate_hz: int,
  codec: str = 'aac',
  container: str | None = None,
  picture_seconds: float = 0.0,
  delay: float = 0.0,
  tags: Mapping[str, str] | None = None,
  num_tracks: int = 1,
) -> pathlib.Path:
  """Writes any container with FFmpeg; with `picture_seconds` a video whose sound is `delay` seconds late.

  The sound is written `num_tracks` times.
  """
  import av

  layout = {1: 'mono', 2: 'stereo', 6: '5.1'}[samples.shape[1]]
  with av.open(str(path), 'w', format=container) as out:
    out.metadata.update(tags or {})
    if picture_seconds:
      video = out.add_stream('mpeg4', rate=25)
      video.width = video.height = 64
      video.pix_fmt = 'yuv420p'
    tracks = [out.add_stream(codec, rate=rate_hz, layout=layout) for _ in range(num_tracks)]
    for i in range(round(picture_seconds * 25)):
      frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), i % 255, np.uint8), format='rgb24')
      frame.pts, frame.time_base = i, fractions.Fraction(1, 25)
      out.mux(video.encode(frame))
    if picture_seconds:
      out.mux(video.encode(None))
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format='fltp', layout=layout)
    frame.sample_rate, frame.time_base = rate_hz, fractions.Fraction(1, rate_hz)
    frame.pts = round(delay * rate_hz)
    for audio in tracks:
      out.mux(audio.encode(frame))
      out.mux(audio.encode(None))
  return path


def without_decoder(path: pathlib.Path, num_tracks: int, codec: bytes = b'mp4a') -> pathlib.Path:
  """Renames the codec of the first tracks of an mp4 file to one that FFmpeg does not know.

  Args:
    path: the file to change.
    num_tracks: number of tracks of this codec to change.
    codec: b'mp4a' (AAC) or b'mp4v' (MPEG-4 video).
  """
  data, at = bytearray(path.read_bytes()), 0
  for _ in range(num_tracks):
    at = data.index(codec, at)
    data[at : at + 4] = b'apac'
    at = data.index(b'esds', at)
    data[at : at + 4] = b'dapa'
  path.write_bytes(data)
  return path
