"""H.264 video with the speech as its sound, whole or not at all; and frames back from any video."""

from __future__ import annotations

import fractions
import os
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.audio import Sound
from seetalk_jax.media.constants import FPS

CRF = '18'
PRESET = 'veryfast'
ENCODER_THREADS = '2'  # fixed: the stream must not depend on the machine's core count
AUDIO_BIT_RATE = 128_000
_H264_ENCODERS = ('libx264', 'libopenh264', 'h264_videotoolbox', 'h264_mf')
_BT709 = 1  # matrix, primaries and transfer alike in FFmpeg's numbering


class VideoWriter:
  """Writes frames and sound to an mp4: H.264 yuv420p, AAC, index in front.

  Everything goes to a hidden `.NAME.part.mp4` beside the target, which gets its name when the `with` block
  ends well and is removed when it does not, Ctrl-C included.

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
    self.path = image_lib.check_output(path, '.mp4')
    self.num_frames = 0
    self._size, self._fps, self._sound, self._metadata = (height, width), fps, sound, dict(metadata or {})
    self._part = self.path.with_name(f'.{self.path.stem}.{os.getpid()}.part.mp4')
    self._container = None

  def __enter__(self) -> VideoWriter:
    import av

    self._container = av.open(str(self._part), 'w', format='mp4', options={'movflags': '+faststart'})
    try:
      self._container.metadata.update(self._metadata)
      self._video = self._container.add_stream(_h264_encoder(), rate=self._fps)
      self._video.height, self._video.width = self._size
      self._video.pix_fmt = 'yuv420p'
      self._video.options = {'crf': CRF, 'preset': PRESET, 'threads': ENCODER_THREADS}
      context = self._video.codec_context
      context.colorspace = context.color_primaries = context.color_trc = _BT709
      context.color_range = 1  # studio range, 16 to 235
      if self._sound is not None:
        layout = 'stereo' if self._sound.channels == 2 else 'mono'
        self._audio = self._container.add_stream('aac', rate=self._sound.rate_hz, layout=layout)
        self._audio.bit_rate = AUDIO_BIT_RATE
        self._blocks = self._sound.open_blocks()
        self._samples = 0
    except BaseException:
      self.__exit__(RuntimeError, None, None)
      raise
    return self

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
      self._write_sound(self.num_frames * self._sound.rate_hz // self._fps)

  def _write_sound(self, until: int | None) -> None:
    """Encodes blocks of sound up to sample `until`, or all that is left."""
    import av

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
    try:
      if kind is None:
        if not self.num_frames:
          raise ValueError(f'no frame was written to {self.path}')
        self._container.mux(self._video.encode(None))
        if self._sound is not None:
          self._write_sound(None)
          self._container.mux(self._audio.encode(None))
        self._container.close()
        image_lib.commit(self._part, self.path)
      else:
        _close_quietly(self._container)
    finally:
      self._part.unlink(missing_ok=True)


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


def read_video(path: str | os.PathLike) -> Iterator[tuple[float, np.ndarray]]:
  """Yields (seconds from the start, uint8 `[h, w, 3]` RGB) for every frame of a video.

  Raises:
    InputError: missing, or not a video.
  """
  import av

  path = pathlib.Path(path)
  if not path.is_file():
    raise InputError(f'no such video, {path}: check the path')
  try:
    with av.open(
      f'file:{path}', options={'protocol_whitelist': 'file'}, metadata_errors='replace'
    ) as container:
      if not container.streams.video:
        raise InputError(f'no picture in the file, {path}: give a video')
      start = (container.start_time or 0) / 1e6
      for frame in container.decode(container.streams.video[0]):
        yield float(frame.time or 0.0) - start, frame.to_ndarray(format='rgb24')
  except av.FFmpegError as error:
    raise InputError(f'not a video or damaged ({error.strerror}), {path}: give an mp4 or mpg file') from None


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
  """The container tags of a video, such as `title` and `comment`."""
  import av

  with av.open(f'file:{pathlib.Path(path)}', metadata_errors='replace') as container:
    return dict(container.metadata)
