"""H.264 video writing with a sound track, atomically; joining of videos; video metadata."""

from __future__ import annotations

import contextlib
import fractions
import os
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from seetalk_jax import files
from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError
from seetalk_jax.media import decode, tags
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.audio import Sound

CRF = '18'
PRESET = 'veryfast'
ENCODER_THREADS = '2'  # fixed, so that the stream does not depend on the number of cores
# Disabled, because x264's macroblock tree sums floats in an order that is not fixed: on a busy machine, one
# in 100 to 200 streams of the same frames differed, for any number of threads.
MACROBLOCK_TREE = '0'
AUDIO_BIT_RATE = 128_000
_H264_ENCODERS = ('libx264', 'libopenh264', 'h264_videotoolbox', 'h264_mf')
_BT709 = 1  # FFmpeg's number for matrix, primaries and transfer

# Changes luma uint8 `[h, w]` of a frame, 16 to 235, to another array of this kind: a watermark.
MarkLuma = Callable[[np.ndarray], np.ndarray]
# Changes a complete file before it gets its name, such as by a signature.
Finish = Callable[[pathlib.Path], None]


class _Mp4:
  """Base class of mp4 writers with a sound track; subclasses add the video stream.

  Output goes to a hidden file in the target's folder. It is renamed to the target when the `with` block
  succeeds, and removed on any exception, including Ctrl-C. Errors of the disk are `OutputError`s.
  """

  def __init__(
    self,
    path: pathlib.Path,
    fps: int,
    sound: Sound | None,
    metadata: Mapping[str, str] | None,
    finish: Finish | None,
  ):
    self.path = path
    self.num_frames = 0
    self._finish = finish
    self._fps, self._sound, self._metadata = fps, sound, tags.clean(metadata or {})
    self._part = files.unfinished(self.path)
    self._container = None

  def _add_picture(self) -> None:
    """Adds the video stream to the container."""
    raise NotImplementedError

  def _end_picture(self) -> None:
    """Flushes the video stream."""

  def __enter__(self):
    import av

    with files.output_errors(self.path):
      self._container = av.open(str(self._part), 'w', format='mp4', options={'movflags': '+faststart'})
    with contextlib.ExitStack() as unless_ready:
      unless_ready.callback(self.discard)
      self._container.metadata.update(self._metadata)
      self._add_picture()
      if self._sound is not None:
        layout = 'stereo' if self._sound.channels == 2 else 'mono'
        self._audio = self._container.add_stream('aac', rate=self._sound.rate_hz, layout=layout)
        self._audio.bit_rate = AUDIO_BIT_RATE
        self._blocks = self._sound.open_blocks()
        self._samples = 0
      unless_ready.pop_all()
    return self

  def _mux(self, packets) -> None:
    """Writes encoded packets to the file."""
    with files.output_errors(self.path):
      self._container.mux(packets)

  def _write_sound(self, all_of_it: bool = False) -> None:
    """Encodes audio blocks up to the end of the frames written so far, or all remaining blocks."""
    import av

    until = None if all_of_it else self.num_frames * self._sound.rate_hz // self._fps
    while until is None or self._samples < until:
      block = next(self._blocks, None)
      if block is None:
        return
      frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(block.T, np.float32), format='fltp', layout=self._audio.codec_context.layout.name
      )
      frame.sample_rate = self._sound.rate_hz
      frame.pts = self._samples
      frame.time_base = fractions.Fraction(1, self._sound.rate_hz)
      self._samples += len(block)
      self._mux(self._audio.encode(frame))

  def __exit__(self, kind, error, traceback) -> None:
    if kind is not None:
      self.discard()
      return
    try:
      if not self.num_frames:
        raise ValueError(f'no frame was written to {self.path}')
      self._end_picture()
      if self._sound is not None:
        self._write_sound(all_of_it=True)
        self._mux(self._audio.encode(None))
      with files.output_errors(self.path):
        self._container.close()
      if self._finish is not None:
        self._finish(self._part)
      files.commit(self._part, self.path)
    finally:
      files.discard(self._part)

  def discard(self) -> None:
    """Closes and removes the unfinished file."""
    try:
      _close_quietly(self._container)
    finally:
      files.discard(self._part)


class VideoWriter(_Mp4):
  """Writer of frames and sound to an mp4 file: H.264 yuv420p, AAC, index at the start; atomic.

  Attributes:
    path: output file.
    num_frames: number of frames written so far.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    *,
    size: tuple[int, int],
    fps: int = FPS,
    sound: Sound | None = None,
    metadata: Mapping[str, str] | None = None,
    mark: MarkLuma | None = None,
    finish: Finish | None = None,
  ):
    """Opens the writer.

    Args:
      path: output file.
      size: (height, width) of the frames in pixels, both even.
      fps: frames per second.
      sound: sound track, or None.
      metadata: container tags such as title and comment.
      mark: marks the luma of every frame, or None.
      finish: called with the path of the complete file before it gets its name, or None.

    Raises:
      InputError: the size is odd, the name does not end in .mp4, or the folder is not writable.
    """
    height, width = size
    if height % 2 or width % 2 or min(size) < 16:
      raise InputError(f'video of {width} x {height} pixels, {path}: give even numbers of 16 or more')
    super().__init__(image_lib.check_output(path, '.mp4'), fps, sound, metadata, finish)
    self._size = (height, width)
    self._mark = mark

  def write(self, frames: np.ndarray) -> None:
    """Appends uint8 `[t, h, w, 3]` RGB frames and the audio up to their end."""
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.shape[1:] != (*self._size, 3):
      raise ValueError(f'expected uint8 frames of {self._size}, got {frames.dtype} {frames.shape}')
    for pixels in frames:
      frame = yuv_frame(pixels, self._mark)
      frame.pts = self.num_frames
      frame.time_base = fractions.Fraction(1, self._fps)
      self._mux(self._video.encode(frame))
      self.num_frames += 1
    if self._sound is not None:
      self._write_sound()

  def _add_picture(self) -> None:
    self._video = add_h264_stream(self._container, self._size, self._fps)

  def _end_picture(self) -> None:
    self._mux(self._video.encode(None))


class VideoJoiner(_Mp4):
  """Concatenation of videos with equal `VideoWriter` settings by copying packets, without re-encoding.

  Attributes:
    path: output file.
    num_frames: number of frames copied so far.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    first: str | os.PathLike,
    *,
    fps: int = FPS,
    sound: Sound | None = None,
    metadata: Mapping[str, str] | None = None,
    finish: Finish | None = None,
  ):
    """Opens the joiner.

    Args:
      path: output file.
      first: video whose stream parameters all videos must share. It must be appended like the others.
      fps: frames per second.
      sound: sound track, or None.
      metadata: container tags such as title and comment.
      finish: called with the path of the complete file before it gets its name, or None.

    Raises:
      InputError: the name does not end in .mp4, or the folder is not writable.
    """
    super().__init__(image_lib.check_output(path, '.mp4'), fps, sound, metadata, finish)
    self._first = first

  def append(self, path: str | os.PathLike) -> None:
    """Copies the video packets of a video and encodes the audio of these frames.

    Raises:
      ValueError: the stream parameters differ from those of the first video, so players would show noise.
    """
    with decode.open_container(path) as source:
      stream = source.streams.video[0]
      if stream.codec_context.extradata != self._extradata:
        raise ValueError(f'{path} was encoded with other settings than {self._first}')
      shift = round(self.num_frames / (self._fps * stream.time_base))
      for packet in source.demux(stream):
        if packet.dts is None:  # end of the stream
          continue
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        packet.stream = self._video
        self._mux(packet)
        self.num_frames += 1
        if self._sound is not None:
          self._write_sound()

  def _add_picture(self) -> None:
    with decode.open_container(self._first) as source:
      stream = source.streams.video[0]
      self._video = self._container.add_stream_from_template(stream)
      self._extradata = stream.codec_context.extradata


def count_frames(path: str | os.PathLike) -> int:
  """Counts the complete packets of the video stream without decoding; 0 for a file that is not a video."""
  import av

  try:
    with decode.open_container(path) as container:
      packets = container.demux(container.streams.video[0])
      return sum(packet.dts is not None and not packet.is_corrupt for packet in packets)
  except (av.FFmpegError, IndexError, OSError):
    return 0


def recoded(frames: np.ndarray, crf: int) -> np.ndarray:
  """Frames after encoding as H.264 and decoding, in memory: uint8 `[t, h, w, 3]` RGB to the same shape.

  Args:
    frames: uint8 `[t, h, w, 3]`; sides are even numbers of 16 or more.
    crf: constant rate factor, 0 to 51; larger is worse.

  Raises:
    ValueError: a side is odd or too small.
    InputError: PyAV has no H.264 encoder.
  """
  import av

  height, width = frames.shape[1:3]
  if height % 2 or width % 2 or min(height, width) < 16:
    raise ValueError(f'frames of {width} x {height} pixels: use even numbers of 16 or more')
  encoder = av.CodecContext.create(_h264_encoder(), 'w')
  encoder.width, encoder.height, encoder.pix_fmt = width, height, 'yuv420p'
  encoder.time_base, encoder.framerate = fractions.Fraction(1, FPS), FPS
  encoder.options = _encoder_options(str(crf))
  set_colors(encoder)
  decoder = av.CodecContext.create('h264', 'r')
  decoded = []
  for i, pixels in enumerate((*frames, None)):
    frame = None if pixels is None else yuv_frame(pixels)
    if frame is not None:
      frame.pts = i
    for packet in encoder.encode(frame):
      decoded += decoder.decode(packet)
  decoded += decoder.decode(None)
  return np.stack([frame.to_ndarray(format='rgb24') for frame in decoded])


def _encoder_options(crf: str) -> dict[str, str]:
  return {'crf': crf, 'preset': PRESET, 'threads': ENCODER_THREADS, 'mbtree': MACROBLOCK_TREE}


def add_h264_stream(container, size: tuple[int, int], fps: int):
  """Adds an H.264 stream with this library's settings to a container; returns the stream of PyAV.

  Args:
    container: an output container of PyAV.
    size: (height, width) of the frames in pixels, both even.
    fps: frames per second.
  """
  stream = container.add_stream(_h264_encoder(), rate=fps)
  stream.height, stream.width = size
  stream.pix_fmt = 'yuv420p'
  stream.options = _encoder_options(CRF)
  set_colors(stream.codec_context)
  return stream


def set_colors(context) -> None:
  """States BT.709 and studio range in a codec context, the colors of `yuv_frame`."""
  context.colorspace = context.color_primaries = context.color_trc = _BT709
  context.color_range = 1  # studio range, 16 to 235


def yuv_frame(pixels: np.ndarray, mark: MarkLuma | None = None):
  """The frame for the encoder of uint8 `[h, w, 3]` RGB, with its luma marked."""
  import av

  frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
  frame = frame.reformat(format='yuv420p', dst_colorspace='ITU709', dst_color_range='MPEG')
  if mark is not None:
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    luma[:] = mark(luma)
  return frame


def encoder_id() -> str:
  """Name of the encoder and version of its library; streams of different encoders must not be joined."""
  import av

  version = '.'.join(map(str, av.library_versions['libavcodec']))
  return f'{_h264_encoder()} of libavcodec {version}'


def _h264_encoder() -> str:
  import av

  for name in _H264_ENCODERS:
    try:
      av.Codec(name, 'w')
    except av.codec.codec.UnknownCodecError:
      continue
    return name
  raise InputError('no H.264 encoder in PyAV, this installation: install PyAV from PyPI (pip install av)')


def _close_quietly(container) -> None:
  """Closes a container whose file is about to be removed, ignoring errors of the muxer."""
  import av

  try:
    container.close()
  except (av.FFmpegError, OSError, ValueError):
    pass


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
  """Reads the container tags of a video, such as `title` and `comment`; bytes that are not UTF-8 become U+FFFD."""
  with decode.open_container(path) as container:
    return tags.clean(container.metadata)
