"""Timeline of a recording: frames resampled to 25 fps by time stamp, and 16 kHz mono audio aligned to them.

Time 0 is the first frame. The frame rate in the header is not used, because phones and screen recorders vary
it. Audio often starts earlier or later than the video.
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

# Time stamps may be rounded (to milliseconds in Matroska), so smaller offsets of the audio are not corrected.
_SOUND_TOLERANCE_SECONDS = 0.02
_LONGEST_GAP_SECONDS = 3600.0  # a larger gap means a broken time stamp
_RESTART_SECONDS = 0.5  # time stamps that go back further than this start anew: recordings were joined


class RecordingError(InputError):
  """The recording cannot be used: it is not a video, damaged, or missing."""


@dataclasses.dataclass(frozen=True)
class Recording:
  """Header information of a recording, read without decoding.

  Attributes:
    path: path of the file.
    stated_seconds: duration in the container header; 0 if absent.
    average_fps: frame rate in the container header; 0 if absent.
    audio_rate_hz: sampling rate of the audio; 0 without audio that can be decoded.
    audio_channels: channel count of the audio; 0 without audio that can be decoded.
    has_picture: whether there is a video stream that can be decoded (cover art does not count).
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
    RecordingError: the file is missing, unreadable, or not an audio or video file.
  """
  path = pathlib.Path(path)
  with _open_container(path) as container:
    video, sound = _video_stream(container), decode.sound_stream(container)
    seconds = (container.duration or 0) / 1e6
    rate = channels = 0
    if sound is not None:
      rate, channels = sound.codec_context.sample_rate, sound.codec_context.channels
    fps = float(video.average_rate or 0) if video is not None else 0.0
  return Recording(path, seconds, fps, rate, channels, video is not None)


def source_frames(path: str | os.PathLike) -> Iterator[tuple[float, float, np.ndarray]]:
  """Yields (start, end, image) of every decoded frame, times in seconds of the container clock.

  Images are uint8 `[h, w, 3]` RGB as displayed: with the rotation of the file applied and square pixels. A
  frame without a time stamp starts at the end of the previous frame, and so does the first one of a recording
  that was joined to another.

  Raises:
    RecordingError: the file is not a video, or more than a tenth of its packets are damaged.
  """

  path = pathlib.Path(path)
  with _open_container(path) as container:
    stream = _video_stream(container)
    if stream is None:
      raise RecordingError(f'no picture that can be decoded, {path}: give a video, or convert it to mp4')
    stream.thread_type = 'AUTO'
    step = 1.0 / float(stream.average_rate or FPS)
    held: tuple[float, float, np.ndarray] | None = None
    clock = _Clock()
    damaged = lambda what: RecordingError(f'damaged video ({what}), {path}: give a whole file')
    for frame in decode.decoded(container, stream, damaged):
      own = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else step
      stamp = clock.time_of(frame.time, own)
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
  """Yields (container time of the first frame in seconds, uint8 `[h, w, 3]`) for frames at a constant rate.

  Frame k covers [k, k + 1) / fps after the first frame. It is the source frame displayed at the middle of
  this interval, so the timing error is at most half a frame.

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
  """Decodes the audio of a recording, aligned to its frames.

  Args:
    path: a recording with audio.
    start_seconds: container time of sample 0. Earlier audio is cut off. A later start and gaps in the time
      stamps are filled with zeros.

  Returns:
    float32 `[n]`, mono, 16 kHz, in [-1, 1], at the recorded level.

  Raises:
    RecordingError: there is no audio that can be decoded, or it is damaged.
    SpeechError: the audio contains NaN samples, or its sampling rate is out of range.
  """
  path = pathlib.Path(path)
  recording = probe(path)
  rate, channels = recording.audio_rate_hz, recording.audio_channels
  if not rate or not channels:
    raise RecordingError(f'no sound that can be decoded, {path}: give a video with a sound track')
  blocks = lambda: _clocked_blocks(path, rate, channels, start_seconds)
  return audio.mono_16k(decode.Source(str(path), rate, channels, blocks))[0]


def sound_track(path: str | os.PathLike, start_seconds: float, num_frames: int) -> audio.Sound | None:
  """Makes a sound track for a new video of `num_frames` that starts at container time `start_seconds`.

  Returns:
    the sound track, or None if the recording has no audio that can be decoded.

  Raises:
    RecordingError: the file is missing or not a recording; while blocks are read: it is damaged.
    SpeechError: the sampling rate is out of range.
  """
  recording = probe(path)
  rate, channels = recording.audio_rate_hz, recording.audio_channels
  if not rate or not channels:
    return None
  blocks = lambda: _clocked_blocks(recording.path, rate, channels, start_seconds)
  return audio.sound_of(decode.Source(str(path), rate, channels, blocks), num_frames * SAMPLES_PER_FRAME)


def _clocked_blocks(path: pathlib.Path, rate: int, channels: int, start: float) -> decode.Blocks:
  import av

  damaged = lambda what: RecordingError(f'damaged sound ({what}), {path}: give a whole file')
  position, clock = 0, _Clock()  # samples yielded so far; sample 0 is at `start`
  converter = decode.BlockConverter(rate, channels)
  with _open_container(path) as container:
    try:
      for frame in decode.decoded(container, decode.sound_stream(container), damaged):
        for block in converter.end_part(frame):
          position += len(block)
          yield block
        stamp = clock.time_of(frame.time, frame.samples / frame.sample_rate)
        for block in converter.convert(frame):
          if stamp is not None:
            late = round((stamp - start) * rate) - position
            stamp = None  # only for the first part
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
      yield from converter.end_part()
    except av.FFmpegError as error:
      raise damaged(str(error.strerror)) from None


class _Clock:
  """Clock of the frames of a stream that goes on where time stamps start anew, as in joined recordings."""

  def __init__(self):
    self._offset, self._last, self._end = 0.0, None, 0.0

  def time_of(self, stamp: float | None, seconds: float) -> float | None:
    """Start of a frame of a length in seconds; None without a time stamp."""
    if stamp is None:
      return None
    if self._last is not None and stamp < self._last - _RESTART_SECONDS:
      self._offset += self._end - stamp
    self._last, self._end = stamp, stamp + seconds
    return stamp + self._offset


def _open_container(path: pathlib.Path):
  import av

  if not path.is_file():
    raise RecordingError(f'no such recording, {path}: it is missing, or was removed meanwhile')
  try:
    return decode.open_container(path)
  except (av.FFmpegError, ValueError, UnicodeDecodeError, OSError) as error:
    reason = getattr(error, 'strerror', None) or type(error).__name__
    raise RecordingError(f'not a video or damaged ({reason}), {path}: give a whole video file') from None


def _video_stream(container):
  """Returns the first video stream that a decoder exists for; cover art in an audio file does not count."""
  for stream in container.streams.video:
    if stream.codec_context is not None and not (stream.disposition & type(stream.disposition).attached_pic):
      return stream
  return None


def _as_shown(frame, stream) -> np.ndarray:
  """Converts to RGB, applies the display rotation, and makes pixels square."""
  aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
  width, height = frame.width, frame.height
  if aspect and aspect > 0 and aspect != 1:
    # Stretch, never shrink: no resolution is lost.
    if aspect > 1:
      width = round(width * aspect)
    else:
      height = round(height / aspect)
  pixels = frame.reformat(width=width, height=height, format='rgb24').to_ndarray()
  turns = round(frame.rotation / 90) % 4
  return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
