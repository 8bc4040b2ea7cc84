"""H.264 video with the speech as its sound, whole or not at all."""

from __future__ import annotations

import contextlib
import fractions
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from seetalk_jax import files
from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError
from seetalk_jax.media import decode, tags
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.audio import Sound

CRF = '18'
PRESET = 'veryfast'
ENCODER_THREADS = '2'  # fixed: the stream must not depend on the machine's core count
# x264's macroblock tree adds up floats in an order of its own: of the same frames, one stream in a hundred or two
# came out another on a busy machine, whatever the number of threads. Same frames, same bytes is worth more.
MACROBLOCK_TREE = '0'
AUDIO_BIT_RATE = 128_000
_H264_ENCODERS = ('libx264', 'libopenh264', 'h264_videotoolbox', 'h264_mf')
_BT709 = 1  # matrix, primaries and transfer alike in FFmpeg's numbering


class _Mp4:
  """An mp4 in the making: whose picture stream is a subclass's, with sound beside it, whole or not at all.

  Everything goes to a hidden file beside the target, which gets its name when the `with` block
  ends well and is removed when it does not, Ctrl-C included.
  """

  def __init__(self, path: pathlib.Path, fps: int, sound: Sound | None, metadata: Mapping[str, str] | None):
    self.path = path
    self.num_frames = 0
    self._fps, self._sound, self._metadata = fps, sound, tags.clean(metadata or {})
    self._part = files.unfinished(self.path)
    self._container = None

  def _add_picture(self) -> None:
    """Adds the picture stream to the container."""
    raise NotImplementedError

  def _end_picture(self) -> None:
    """Writes what the picture stream still holds back."""

  def __enter__(self):
    import av

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

  def _write_sound(self, all_of_it: bool = False) -> None:
    """Encodes blocks of sound up to the end of the frames so far, or all that is left."""
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
      self._container.mux(self._audio.encode(frame))

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
        self._container.mux(self._audio.encode(None))
      self._container.close()
      files.commit(self._part, self.path)
    finally:
      self._part.unlink(missing_ok=True)

  def discard(self) -> None:
    """Closes and removes the unfinished file."""
    try:
      _close_quietly(self._container)
    finally:
      self._part.unlink(missing_ok=True)


class VideoWriter(_Mp4):
  """Writes frames and sound to an mp4: H.264 yuv420p, AAC, index in front; whole or not at all.

  Attributes:
    path: the file that will appear.
    num_frames: frames written so far.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    *,
    size: tuple[int, int],
    fps: int = FPS,
    sound: Sound | None = None,
    metadata: Mapping[str, str] | None = None,
  ):
    """Args: `size` (height, width), both even; `metadata` container tags such as title and comment.

    Raises:
      InputError: an odd size, a name that does not end in .mp4, or a folder that cannot be written.
    """
    height, width = size
    if height % 2 or width % 2 or min(size) < 16:
      raise InputError(f'video of {width} x {height} pixels, {path}: give even numbers of 16 or more')
    super().__init__(image_lib.check_output(path, '.mp4'), fps, sound, metadata)
    self._size = (height, width)

  def write(self, frames: np.ndarray) -> None:
    """Appends uint8 `[t, h, w, 3]` RGB frames and the sound up to their end."""
    import av

    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.shape[1:] != (*self._size, 3):
      raise ValueError(f'expected uint8 frames of {self._size}, got {frames.dtype} {frames.shape}')
    for pixels in frames:
      frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
      frame = frame.reformat(format='yuv420p', dst_colorspace='ITU709', dst_color_range='MPEG')
      frame.pts = self.num_frames
      frame.time_base = fractions.Fraction(1, self._fps)
      self._container.mux(self._video.encode(frame))
      self.num_frames += 1
    if self._sound is not None:
      self._write_sound()

  def _add_picture(self) -> None:
    self._video = self._container.add_stream(_h264_encoder(), rate=self._fps)
    self._video.height, self._video.width = self._size
    self._video.pix_fmt = 'yuv420p'
    self._video.options = {
      'crf': CRF,
      'preset': PRESET,
      'threads': ENCODER_THREADS,
      'mbtree': MACROBLOCK_TREE,
    }
    context = self._video.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = 1  # studio range, 16 to 235

  def _end_picture(self) -> None:
    self._container.mux(self._video.encode(None))


class VideoJoiner(_Mp4):
  """Puts videos of one `VideoWriter`'s settings behind each other, packet by packet: nothing is encoded again.

  Attributes:
    path: the file that will appear.
    num_frames: frames copied so far.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    first: str | os.PathLike,
    *,
    fps: int = FPS,
    sound: Sound | None = None,
    metadata: Mapping[str, str] | None = None,
  ):
    """Args: `first` is the video whose stream parameters all others share (it is appended like the others).

    Raises:
      InputError: a name that does not end in .mp4, or a folder that cannot be written.
    """
    super().__init__(image_lib.check_output(path, '.mp4'), fps, sound, metadata)
    self._first = first

  def append(self, path: str | os.PathLike) -> None:
    """Copies the pictures of a video, and encodes the sound that goes with them.

    Raises:
      ValueError: its stream parameters are not those of the first, so that players would show noise.
    """
    with decode.open_container(path) as source:
      stream = source.streams.video[0]
      if stream.codec_context.extradata != self._extradata:
        raise ValueError(f'{path} was encoded with other settings than {self._first}')
      shift = round(self.num_frames / (self._fps * stream.time_base))
      for packet in source.demux(stream):
        if packet.dts is None:  # the end
          continue
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        packet.stream = self._video
        self._container.mux(packet)
        self.num_frames += 1
        if self._sound is not None:
          self._write_sound()

  def _add_picture(self) -> None:
    with decode.open_container(self._first) as source:
      stream = source.streams.video[0]
      self._video = self._container.add_stream_from_template(stream)
      self._extradata = stream.codec_context.extradata


def count_frames(path: str | os.PathLike) -> int:
  """Whole packets of a video's picture stream, nothing decoded; 0 for a file that is no video."""
  import av

  try:
    with decode.open_container(path) as container:
      packets = container.demux(container.streams.video[0])
      return sum(packet.dts is not None and not packet.is_corrupt for packet in packets)
  except (av.FFmpegError, IndexError, OSError):
    return 0


def encoder_id() -> str:
  """The encoder's name and its library's version: streams of different ones may not go into one file."""
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
  """Closes a container whose file is about to be removed, whatever the muxer says of it."""
  import av

  try:
    container.close()
  except (av.FFmpegError, OSError, ValueError):
    pass


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
  """The container tags of a video, such as `title` and `comment`; bytes that are not UTF-8 become U+FFFD."""
  with decode.open_container(path) as container:
    return tags.clean(container.metadata)
