"""Test recordings of flashes and clicks at known times, with arbitrary frame times."""

from __future__ import annotations

import fractions
import os
import pathlib
from collections.abc import Sequence

import numpy as np

FLASH_SECONDS = 0.1
CLICK_SAMPLES = 8


def write(
  path: str | os.PathLike,
  stamps: Sequence[float],
  events: Sequence[float],
  *,
  seconds: float,
  rate_hz: int = 48_000,
  audio_codec: str = 'pcm_s16le',
  audio_start: float = 0.0,
  size: tuple[int, int] = (64, 96),
  aspect: tuple[int, int] = (1, 1),
  corner: bool = False,
) -> pathlib.Path:
  """Writes a recording whose pictures are white for 0.1 s from each event on and whose sound clicks then.

  Args:
    stamps: presentation time of each picture, in seconds of the container.
    events: event times, in seconds of the container.
    audio_start: start of the sound in seconds; 0 or a whole number of milliseconds.
    aspect: pixel aspect ratio.
    corner: mark the top left corner red.
  """
  import av

  height, width = size
  with av.open(os.fspath(path), 'w') as container:
    video = container.add_stream('mpeg4', rate=1000)
    video.width, video.height, video.pix_fmt = width, height, 'yuv420p'
    video.time_base = video.codec_context.time_base = fractions.Fraction(1, 1000)
    video.bit_rate = 2_000_000
    video.codec_context.sample_aspect_ratio = fractions.Fraction(*aspect)
    sound = container.add_stream(audio_codec, rate=rate_hz, layout='mono')
    for stamp in stamps:
      lit = any(event <= stamp + 1e-9 < event + FLASH_SECONDS for event in events)
      pixels = np.full((height, width, 3), 235 if lit else 20, np.uint8)
      if corner:
        pixels[: height // 4, : width // 4] = (230, 20, 20)
      frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
      frame.pts, frame.time_base = round(stamp * 1000), fractions.Fraction(1, 1000)
      container.mux(video.encode(frame))
    container.mux(video.encode(None))
    waveform = np.zeros(round((seconds - audio_start) * rate_hz), np.float32)
    for event in events:
      at = round((event - audio_start) * rate_hz)
      waveform[at : at + CLICK_SAMPLES] = 0.9
    fmt = 's16' if audio_codec == 'pcm_s16le' else 'fltp'
    block = 1024
    for start in range(0, len(waveform), block):
      part = waveform[start : start + block][None]
      data = (part * 32767).astype(np.int16) if fmt == 's16' else part
      frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=fmt, layout='mono')
      frame.sample_rate, frame.time_base = rate_hz, fractions.Fraction(1, rate_hz)
      frame.pts = start + round(audio_start * rate_hz)
      container.mux(sound.encode(frame))
    container.mux(sound.encode(None))
  return pathlib.Path(path)


def variable_stamps(seconds: float, seed: int = 0, low: float = 0.016, high: float = 0.067) -> list[float]:
  """Picture times at variable frame rates from 15 to 60 fps, in whole milliseconds."""
  rng, stamps, now = np.random.default_rng(seed), [], 0.0
  while now < seconds:
    stamps.append(round(now, 3))
    now += round(float(rng.uniform(low, high)), 3)
  return stamps
