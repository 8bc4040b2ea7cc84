"""Live video: fragmented mp4 in memory, chunk by chunk, that a browser plays while it is made (Media Source)."""

from __future__ import annotations

import fractions
from collections.abc import Iterator, Mapping

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.media import tags, video

AUDIO_BIT_RATE = 64_000  # mono
_AUDIO_CODEC = 'mp4a.40.2'  # AAC-LC
# One fragment a chunk. `frag_discont`: a fragment begins at its own time, not where this muxer's last one ended.
_MOVFLAGS = 'empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer'

# Ticks a second of the video's times. Older versions of PyAV choose others for a chunk than for the header.
_TIMESCALE = str(512 * FPS)
_LIVE_OPTIONS = {'preset': 'ultrafast', 'tune': 'zerolatency', 'profile': 'baseline'}


class LiveVideo:
  """Encoder of frames with their sound, H.264 and AAC, that gives the bytes of a chunk at once; nothing is kept.

  Every chunk is a fragment that begins with a key frame, so a player can start at any chunk after the header. The
  header and all chunks together are an mp4 file. FFmpeg's muxer gives a fragment only when the next one begins, so each
  chunk has a muxer of its own, and the encoders live as long as this object.

  Args:
    size: (height, width) of the frames in pixels, even numbers of 16 or more.
    metadata: container tags, such as `clip.video_tags`.
    mark: marks the luma of every frame, or None.

  Attributes:
    header: the first bytes of the video.
    mime_type: for `MediaSource.addSourceBuffer`.
    num_frames: frames encoded so far.
  """

  def __init__(
    self,
    size: tuple[int, int],
    metadata: Mapping[str, str] | None = None,
    mark: video.MarkLuma | None = None,
  ):
    self.num_frames = 0
    self._size, self._mark, self._chunks = size, mark, 0
    sink = _Sink()
    self._container = _mp4(sink)
    self._container.metadata.update(tags.clean(metadata or {}))
    self._video = video.add_h264_stream(self._container, size, FPS)
    # No frame waits for later ones. Baseline: every player has it. The fastest preset takes 3.7 ms of CPU for a frame
    # of 512 px, the preset of files 5.5 ms for three quarters of the bytes.
    self._video.options = {**self._video.options, **_LIVE_OPTIONS}
    self._audio = self._container.add_stream('aac', rate=SAMPLE_RATE_HZ, layout='mono')
    self._audio.bit_rate = AUDIO_BIT_RATE
    self._container.start_encoding()
    self.header = sink.take()
    at = self.header.index(b'avcC') + 5  # profile, constraints and level follow the version
    self.mime_type = f'video/mp4; codecs="avc1.{self.header[at : at + 3].hex().upper()}, {_AUDIO_CODEC}"'

  def write(self, frames: np.ndarray, audio: np.ndarray) -> bytes:
    """Encodes a chunk.

    Args:
      frames: uint8 `[n, h, w, 3]`, n at least 1.
      audio: float32 `[640 n]` at 16 kHz.

    Returns:
      The fragment with all frames; the encoder of the sound keeps the last 0.2 s at most for the next one.

    Raises:
      ValueError: no frames, frames of another size, or sound of another length.
    """
    if frames.dtype != np.uint8 or not len(frames) or frames.shape[1:] != (*self._size, 3):
      raise ValueError(f'expected uint8 frames of {self._size}, got {frames.dtype} {frames.shape}')
    if audio.shape != (SAMPLES_PER_FRAME * len(frames),):
      raise ValueError(f'expected {SAMPLES_PER_FRAME * len(frames)} samples, got {audio.shape}')
    self._chunks += 1
    sink = _Sink()
    container = _mp4(sink, fragment_index=str(self._chunks))
    picture = container.add_stream_from_template(self._video)
    sound = container.add_stream_from_template(self._audio)
    for packet in self._encoded(frames, audio):
      packet.stream = picture if packet.stream is self._video else sound
      container.mux(packet)
    container.close()
    return b''.join(box for name, box in boxes(sink.take()) if name in ('moof', 'mdat'))

  def _encoded(self, frames: np.ndarray, audio: np.ndarray) -> Iterator:
    """Packets of a chunk, in the order of their time."""
    import av

    for i, pixels in enumerate(frames):
      samples = np.ascontiguousarray(audio[None, i * SAMPLES_PER_FRAME :][:, :SAMPLES_PER_FRAME], np.float32)
      sound = av.AudioFrame.from_ndarray(samples, format='fltp', layout='mono')
      sound.sample_rate, sound.pts = SAMPLE_RATE_HZ, self.num_frames * SAMPLES_PER_FRAME
      sound.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
      # The first packet primes the decoder and lies before 0, where a fragment cannot begin.
      yield from (packet for packet in self._audio.encode(sound) if packet.pts >= 0)
      frame = video.yuv_frame(pixels, self._mark)
      frame.pts, frame.time_base = self.num_frames, fractions.Fraction(1, FPS)
      if i == 0:
        frame.pict_type = av.video.frame.PictureType.I
      for packet in self._video.encode(frame):
        packet.duration = 1
        yield packet
      self.num_frames += 1


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
  """The boxes on the top level of an mp4 file, as (name, whole box)."""
  at = 0
  while at < len(data):
    size = int.from_bytes(data[at : at + 4], 'big')
    if not 8 <= size <= len(data) - at:
      raise ValueError(f'a box of {size} bytes at {at} of {len(data)}')
    yield data[at + 4 : at + 8].decode('latin-1'), data[at : at + size]
    at += size


def _mp4(sink: _Sink, **options: str):
  import av

  options |= {'movflags': _MOVFLAGS, 'avoid_negative_ts': 'disabled', 'video_track_timescale': _TIMESCALE}
  return av.open(sink, 'w', format='mp4', options=options)


class _Sink:
  """A file that is written once from start to end; what has been written is taken away."""

  def __init__(self):
    self._parts: list[bytes] = []

  def write(self, data: bytes) -> int:
    self._parts.append(bytes(data))
    return len(data)

  def take(self) -> bytes:
    data, self._parts = b''.join(self._parts), []
    return data
