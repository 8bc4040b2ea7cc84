"""Pictures and sound of a recording on one clock: frames at 25 fps by time stamp, 16 kHz mono sound beside.

The clock starts with the first picture. Nothing here trusts a stated frame rate: phones and screen recorders
vary it, and sound often starts earlier or later than the picture.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.errors import InputError
from seetalk_jax.media import audio, decode

# A stamp may be rounded (milliseconds in Matroska): sound is moved only where it is off by more.
_SOUND_TOLERANCE_SECONDS = 0.02
_LONGEST_GAP_SECONDS = 3600.0  # a larger hole in the stamps is a broken stamp


class RecordingError(InputError):
  """A recording cannot be used: not a video, damaged, or gone."""


@dataclasses.dataclass(frozen=True)
class Recording:
  """What a file says of itself, before anything is decoded.

  Attributes:
    path: of the file.
    stated_seconds: duration that the container states; 0 where it does not.
    average_fps: pictures per second that the container states; 0 where it does not.
    audio_rate_hz, audio_channels: of the sound; 0 where there is none.
    has_picture: whether there is a video stream (cover art does not count).
  """

  path: pathlib.Path
  stated_seconds: float
  average_fps: float
  audio_rate_hz: int
  audio_channels: int
  has_picture: bool


def probe(path: str | os.PathLike) -> Recording:
  """Opens a file and reads its headers.

  Raises:
    RecordingError: missing, unreadable, or no audio or video file.
  """
  path = pathlib.Path(path)
  with _opened(path) as container:
    video, sound = _video_stream(container), next(iter(container.streams.audio), None)
    seconds = (container.duration or 0) / 1e6
    rate = channels = 0
    if sound is not None:
      rate, channels = sound.codec_context.sample_rate or 0, sound.codec_context.channels or 0
    fps = float(video.average_rate or 0) if video is not None else 0.0
  return Recording(path, seconds, fps, rate, channels, video is not None)


def source_frames(path: str | os.PathLike) -> Iterator[tuple[float, float, np.ndarray]]:
  """Yields (shown from, shown until, picture) of every decoded frame, in seconds of the container's clock.

  Pictures are uint8 `[h, w, 3]` RGB as a player shows them: rotated as the file says, pixels square. A frame
  without a time stamp follows the one before it.

  Raises:
    RecordingError: not a video, or more than a tenth of its packets damaged.
  """

  path = pathlib.Path(path)
  with _opened(path) as container:
    stream = _video_stream(container)
    if stream is None:
      raise RecordingError(f'no picture in the file, {path}: give a video')
    stream.thread_type = 'AUTO'
    step = 1.0 / float(stream.average_rate or FPS)
    held: tuple[float, float, np.ndarray] | None = None
    damaged = lambda what: RecordingError(f'damaged video ({what}), {path}: give a whole file')
    for frame in decode.decoded(container, stream, damaged):
      own = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else step
      stamp = frame.time
      if stamp is None:
        stamp = held[0] + held[1] if held else 0.0
      if held is not None:
        if not 0 < stamp - held[0] < _LONGEST_GAP_SECONDS:
          stamp = held[0] + held[1]
        yield held[0], stamp, held[2]
      held = (stamp, own, _as_shown(frame, stream))
    if held is None:
      raise damaged('no picture decodes')
    yield held[0], held[0] + held[1], held[2]


def grid_frames(path: str | os.PathLike, fps: int = FPS) -> Iterator[tuple[float, np.ndarray]]:
  """Yields (container seconds of the first picture, uint8 `[h, w, 3]`) for frame 0, 1, 2 ... of a steady rate.

  Frame k covers [k, k + 1) / fps after the first picture and is the picture shown at its middle: what happens in
  the recording is at most half a frame away.

  Raises:
    RecordingError: as `source_frames`.
  """
  first, count = None, 0
  for begin, end, pixels in source_frames(path):
    first = begin if first is None else first
    while first + (count + 0.5) / fps < end:
      yield first, pixels
      count += 1


def sound(path: str | os.PathLike, start_seconds: float) -> np.ndarray:
  """The recording's sound on the clock of its pictures.

  Args:
    path: a recording with sound.
    start_seconds: where sample 0 lies on the container's clock; sound before it is cut off, a later start is
      padded with zeros, and so are holes in the stamps.

  Returns:
    float32 `[n]`, mono, 16 kHz, in [-1, 1], at its own level.

  Raises:
    RecordingError: no sound, or damaged; SpeechError: NaN samples.
  """
  path = pathlib.Path(path)
  recording = probe(path)
  rate, channels = recording.audio_rate_hz, recording.audio_channels
  if not rate or not channels:
    raise RecordingError(f'no sound in the file, {path}: give a video with a sound track')
  blocks = lambda: _clocked_blocks(path, rate, channels, start_seconds)
  return audio.mono_16k(decode.Source(rate, channels, blocks), path)[0]


def sound_track(path: str | os.PathLike, start_seconds: float, num_frames: int) -> audio.Sound | None:
  """The recording's sound for another video of `num_frames`, which begins at `start_seconds` of the container's clock.

  Raises:
    RecordingError: missing, or not a recording; while its blocks are drawn: damaged.
  """
  recording = probe(path)
  rate, channels = recording.audio_rate_hz, recording.audio_channels
  if not rate or not channels:
    return None
  blocks = lambda: _clocked_blocks(recording.path, rate, channels, start_seconds)
  return audio.sound_of(decode.Source(rate, channels, blocks), num_frames * SAMPLES_PER_FRAME)


def _clocked_blocks(path: pathlib.Path, rate: int, channels: int, start: float) -> decode.Blocks:
  import av

  damaged = lambda what: RecordingError(f'damaged sound ({what}), {path}: give a whole file')
  position, started = 0, False  # samples given so far; 0 lies at `start`
  with _opened(path) as container:
    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format='flt', layout=stream.codec_context.layout.name, rate=rate)
    try:
      for frame in decode.decoded(container, stream, damaged):
        stamp, started = frame.time, True
        for block in decode.to_blocks(resampler.resample(frame), channels):
          if stamp is not None:
            late = round((stamp - start) * rate) - position
            stamp = None  # of the first part alone
            if late > _SOUND_TOLERANCE_SECONDS * rate or (position == 0 and late > 0):
              if late > _LONGEST_GAP_SECONDS * rate:
                raise damaged('a hole of an hour')
              yield np.zeros((late, channels), np.float32)
              position += late
            elif late < -_SOUND_TOLERANCE_SECONDS * rate or (position == 0 and late < 0):
              block = block[-late:]
          if len(block):
            position += len(block)
            yield block
      if started:
        yield from decode.to_blocks(resampler.resample(None), channels)
    except av.FFmpegError as error:
      raise damaged(str(error.strerror)) from None


def _opened(path: pathlib.Path):
  import av

  if not path.is_file():
    raise RecordingError(f'no such recording, {path}: it is missing, or was removed meanwhile')
  try:
    return decode.open_container(path)
  except (av.FFmpegError, ValueError, UnicodeDecodeError, OSError) as error:
    reason = getattr(error, 'strerror', None) or type(error).__name__
    raise RecordingError(f'not a video or damaged ({reason}), {path}: give a whole video file') from None


def _video_stream(container):
  """The first stream of moving pictures; a cover picture in a sound file is none."""
  for stream in container.streams.video:
    if not (stream.disposition & type(stream.disposition).attached_pic):
      return stream
  return None


def _as_shown(frame, stream) -> np.ndarray:
  """RGB with the display rotation applied and square pixels."""
  aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
  width, height = frame.width, frame.height
  if aspect and aspect > 0 and aspect != 1:
    # The longer way: no pixel is lost.
    if aspect > 1:
      width = round(width * aspect)
    else:
      height = round(height / aspect)
  pixels = frame.reformat(width=width, height=height, format='rgb24').to_ndarray()
  turns = round(frame.rotation / 90) % 4
  return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
