"""Audio decoding to streams of float blocks: libsndfile for formats that it reads exactly, FFmpeg for the rest."""

from __future__ import annotations

import collections.abc
import dataclasses
import io
import os
import pathlib

import numpy as np

from seetalk_jax.errors import SpeechError
from seetalk_jax.media import joined_audio

BLOCK_SAMPLES = 65_536
# Sampling rates of usable audio. The resampler needs much memory, or ends the process, far outside of them.
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 1_000_000

# First bytes of the formats that libsndfile reads exactly. FFmpeg reads all other files and those that
# libsndfile rejects. File names are not used, because they can be wrong.
_SNDFILE_MAGIC = (b'RIFF', b'RIFX', b'RF64', b'fLaC', b'OggS', b'FORM')
_MAX_BAD_PACKETS = 0.1  # largest accepted share of undecodable packets (such as trailing tags in mp3 files)

Blocks = collections.abc.Iterator[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Source:
  """Decodable audio.

  Attributes:
    name: path or other name, for messages.
    rate_hz: sampling rate, MIN_RATE_HZ to MAX_RATE_HZ.
    channels: channel count.
    open_blocks: returns an iterator of float32 `[n, channels]` blocks.

  Raises:
    SpeechError: the sampling rate is out of range.
  """

  name: str
  rate_hz: int
  channels: int
  open_blocks: collections.abc.Callable[[], Blocks]

  def __post_init__(self):
    if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
      raise SpeechError(
        f'a sampling rate of {self.rate_hz:,} Hz, {self.name}: '
        f'give sound of {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} Hz'
      )


def _check_readable(path: pathlib.Path) -> None:
  if path.is_dir():
    raise SpeechError(f'speech is a folder, not a file, {path}: give an audio or video file')
  try:
    with open(path, 'rb') as file:
      empty = not file.read(1)
  except FileNotFoundError:
    raise SpeechError(f'no such speech file, {path}: check the path') from None
  except OSError as error:
    raise SpeechError(f'cannot read the speech ({error.strerror}), {path}: check its permissions') from None
  if empty:
    raise SpeechError(f'the speech file is empty (0 bytes), {path}: give a file with sound in it')


def open_source(path: pathlib.Path) -> Source:
  """Opens the audio of a file; the format is detected from the content, not from the name.

  Raises:
    SpeechError: the file is missing, a folder, empty, not audio, has no sound that can be decoded, or a
      sampling rate out of range; while blocks are read: it is damaged.
  """
  _check_readable(path)
  with open(path, 'rb') as file:
    magic = file.read(4)
  if magic in _SNDFILE_MAGIC:
    source = _open_soundfile(path)
    if source is not None:
      return source
  return _open_ffmpeg(path)


def _open_soundfile(path: pathlib.Path) -> Source | None:
  """Opens a file with libsndfile; None if it cannot decode all of it, or finds no samples.

  Recorders that were killed, and programs that write to a pipe, leave a size of 0 in the header. FFmpeg then
  reads to the end of the file.
  """
  import soundfile

  name = os.fsencode(path)  # soundfile itself fails with names that are not UTF-8
  try:
    info = soundfile.info(name)
    num_samples = 0
    # decode the whole file once: a file with a damaged body goes to FFmpeg too
    with soundfile.SoundFile(name) as file:
      while count := len(file.read(BLOCK_SAMPLES, dtype='float32', always_2d=True)):
        num_samples += count
    if not num_samples:
      return None
  except (soundfile.LibsndfileError, RuntimeError, OSError):
    return None

  def open_blocks() -> Blocks:
    with soundfile.SoundFile(name) as file:
      while len(block := file.read(BLOCK_SAMPLES, dtype='float32', always_2d=True)):
        yield block

  parts = joined_audio.parts(path)
  if len(parts) > 1:
    open_blocks = lambda: _joined_blocks(path, parts, info.samplerate, info.channels)
  return Source(str(path), info.samplerate, info.channels, open_blocks)


def _joined_blocks(path: pathlib.Path, parts: list[tuple[int, int]], rate: int, channels: int) -> Blocks:
  """Decodes the files that were joined to one, as one sound at the rate and channel count of the first."""
  import av

  damaged = lambda what: SpeechError(f'damaged sound ({what}), {path}: give a whole file')
  converter = BlockConverter(rate, channels)
  try:
    for start, stop in parts:
      with open(path, 'rb') as file:
        file.seek(start)
        part = io.BytesIO(file.read(stop - start))
      with open_container(part) as container:
        stream = sound_stream(container)
        for frame in () if stream is None else decoded(container, stream, damaged):
          yield from converter.end_part(frame)
          yield from converter.convert(frame)
    yield from converter.end_part()
  except (av.FFmpegError, ValueError) as error:
    raise damaged(str(getattr(error, 'strerror', error))) from None


def _open_ffmpeg(path: pathlib.Path) -> Source:
  import av

  not_audio = f'not an audio or video file, {path}: give wav, flac, ogg, mp3, m4a or a video with sound'
  try:
    with open_container(path) as container:
      if not container.streams.audio:
        raise SpeechError(f'no sound in the file, {path}: give a recording or a video that has a sound track')
      stream = sound_stream(container)
      if stream is None:
        raise SpeechError(f'no sound that can be decoded, {path}: convert it to wav, flac, ogg, mp3 or m4a')
      rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
  except (av.FFmpegError, ValueError, UnicodeDecodeError):
    raise SpeechError(not_audio) from None
  return Source(str(path), rate, channels, lambda: _ffmpeg_blocks(path, rate, channels))


def open_container(file: str | os.PathLike | io.BytesIO):
  """Opens a local file, or its content, for reading as a PyAV container.

  Metadata bytes that are not UTF-8 are decoded to lone surrogates: see `tags.clean`.
  """
  import av

  # PyAV 19 always decodes metadata with `surrogateescape`; older versions raise without this option.
  errors = {'metadata_errors': 'surrogateescape'} if int(av.__version__.split('.')[0]) < 19 else {}
  # `file:` and the whitelist: the path is never read as a URL, and a playlist cannot open network addresses
  source = file if isinstance(file, io.BytesIO) else f'file:{os.fspath(file)}'
  return av.open(source, options={'protocol_whitelist': 'file'}, **errors)


def sound_stream(container):
  """First audio stream of a PyAV container that a decoder exists for; None if there is none.

  Phones write, for example, spatial sound in a codec that FFmpeg does not know beside a stereo track.
  """
  for stream in container.streams.audio:
    context = stream.codec_context  # None without a decoder
    if context is not None and context.sample_rate and context.channels:
      return stream
  return None


def decoded(
  container, stream, damaged: collections.abc.Callable[[str], Exception]
) -> collections.abc.Iterator:
  """Yields the decoded frames of a stream; undecodable packets are skipped, up to a tenth of all packets.

  Args:
    container: PyAV container.
    stream: stream of the container to decode.
    damaged: makes the error to raise from a short description of the damage.
  """
  import av

  good = bad = 0
  try:
    for packet in container.demux(stream):
      try:
        frames = packet.decode()
      except av.FFmpegError:
        bad += 1
        continue
      good += len(frames)
      yield from frames
  except av.FFmpegError as error:
    raise damaged(str(error.strerror)) from None
  if bad > _MAX_BAD_PACKETS * (good + bad):
    raise damaged(f'{bad} of {good + bad} packets')


def _ffmpeg_blocks(path: pathlib.Path, rate: int, channels: int) -> Blocks:
  import av

  def damaged(what: str) -> SpeechError:
    return SpeechError(f'damaged sound ({what}), {path}: give a whole file')

  started, converter = False, BlockConverter(rate, channels)
  try:
    with open_container(path) as container:
      for frame in decoded(container, sound_stream(container), damaged):
        if not started:
          started = True
          yield from _lead_in(frame, container, rate, channels)
        yield from converter.end_part(frame)
        yield from converter.convert(frame)
      yield from converter.end_part()
  except av.FFmpegError as error:
    raise damaged(str(error.strerror)) from None


def _lead_in(frame, container, rate: int, channels: int) -> Blocks:
  """Yields silence for the time by which a sound track starts later than its container."""
  if frame.pts is None or container.start_time is None:
    return
  late = float(frame.pts * frame.time_base) - container.start_time / 1e6
  if 0.002 < late < 3600:
    yield np.zeros((round(late * rate), channels), np.float32)


class BlockConverter:
  """Conversion of decoded audio frames to blocks of one rate and channel count.

  Rate, layout and sample format may change within a stream, for example where files were joined. Every part
  of equal frames has a resampler of its own. A part with another channel count than the blocks is mixed to
  the mean of its channels, so that its level stays.

  Args:
    rate_hz: sampling rate of the blocks.
    channels: channel count of the blocks.
  """

  def __init__(self, rate_hz: int, channels: int):
    self._rate_hz, self._channels = rate_hz, channels
    self._format, self._resampler = None, None

  def end_part(self, frame=None) -> Blocks:
    """Yields the rest of the current part if `frame` has another format, or is None."""
    if self._resampler is not None and (frame is None or _format(frame) != self._format):
      yield from self._blocks(self._resampler.resample(None))
      self._resampler = None

  def convert(self, frame) -> Blocks:
    """Yields blocks of a frame; call `end_part(frame)` first."""
    import av

    if self._resampler is None:
      self._format = _format(frame)
      self._resampler = av.AudioResampler(format='flt', layout=frame.layout.name, rate=self._rate_hz)
    yield from self._blocks(self._resampler.resample(frame))

  def _blocks(self, frames) -> Blocks:
    for frame in frames:
      if not frame.samples:
        continue
      block = frame.to_ndarray().reshape(frame.samples, -1).astype(np.float32, copy=False)
      if block.shape[1] != self._channels:
        block = np.repeat(block.mean(axis=1, keepdims=True), self._channels, axis=1)
      yield block


def _format(frame) -> tuple[str, str, int]:
  return frame.format.name, frame.layout.name, frame.sample_rate


def blocks_of(samples: np.ndarray) -> Blocks:
  """Splits float32 `[n, channels]` into blocks."""
  for start in range(0, len(samples), BLOCK_SAMPLES):
    yield samples[start : start + BLOCK_SAMPLES]
