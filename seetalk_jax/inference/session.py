"""Live session: a portrait that speaks audio while it arrives, in chunks of frames with their audio.

session = pipe.session('face.png')
session.push(samples)  # as often as audio arrives
for frames, audio in session:  # what is ready
  show(frames, audio)
chunk = session.idle()  # silence: the face lives on
session.flush()  # the end of an utterance: the rest is ready
session.clear()  # an interruption: what is not yet spoken is dropped
"""

from __future__ import annotations

import collections
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax.constants import CONTROL_TRACKS, FPS, LEAST_LOOKAHEAD, SAMPLE_RATE_HZ
from seetalk_jax.errors import InputError
from seetalk_jax.inference import argument_checks, batching, live_motion, renderer
from seetalk_jax.inference import controls as controls_lib
from seetalk_jax.inference.live_audio import LOOKAHEAD_SECONDS, MAX_WAITING_SECONDS, LiveAudio, Taken
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.motion_sampler import MotionSampler
from seetalk_jax.media import image as image_lib

CHUNK_SECONDS = 0.48
_TIMED_CHUNKS = 64  # the last chunks, whose median is the time of computation


class LiveChunk(NamedTuple):
  """Frames with the audio that belongs to them, sample by sample.

  Attributes:
    frames: uint8 `[n, h, w, 3]`, 25 a second.
    audio: float32 `[640 n]`, mono, 16 kHz: what was pushed, or silence.
  """

  frames: np.ndarray
  audio: np.ndarray


class Session:
  """A live session; `SeeTalk.session` makes one. Memory and compiled programs do not grow.

  The caller sets the pace: nothing is computed before it is asked for, and one call computes one chunk. The same
  audio gives the same frames, however it was cut into pushes.

  `push` may be called from another thread than the other methods.

  Args:
    release, sampler, draw: networks; the renderer's and the sampler's compiled functions are shared by sessions.
    portrait: uint8 `[side, side, 3]`, in the size of the networks.
    seed: -2^31 to 2^32 - 1; the same seed and audio give the same frames, bit for bit, on one kind of device.
    lookahead: seconds of audio after a chunk that its motion depends on, 0.2 or more.
    chunk: seconds of frames in a chunk; rounded up to whole calls of the renderer (0.16 s).
    steps, guidance_scale: of the motion; None: the release's default.
    size: side of the frames in pixels, even; None: that of the networks.
    fusion: weight of the warped portrait in the HR decoder, 0 to 1.
    controls, control_scales: see `control`.
    max_waiting: seconds of audio that may wait; `push` refuses more.

  Attributes:
    portrait: uint8 `[side, side, 3]`.
    chunk_frames, lookahead_frames: frames of a chunk, and of the audio after it that must be there.
    num_frames: frames handed out so far.
  """

  def __init__(
    self,
    release: LoadedRelease,
    sampler: MotionSampler,
    draw: renderer.Renderer,
    portrait: np.ndarray,
    *,
    seed: int = 0,
    lookahead: float = LOOKAHEAD_SECONDS,
    chunk: float = CHUNK_SECONDS,
    steps: int | None = None,
    guidance_scale: float | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    controls: Mapping[str, Any] | None = None,
    control_scales: Mapping[str, float] | None = None,
    max_waiting: float = MAX_WAITING_SECONDS,
  ):
    live_motion.check(release)
    window = live_motion.window_of(release)
    self.chunk_frames, self.lookahead_frames = _frames_of(chunk, lookahead, window)
    seed = argument_checks.whole('seed', seed, *argument_checks.SEEDS)
    self._fusion = argument_checks.number('fusion', fusion, 0, 1)
    side = release.side if size is None else argument_checks.frame_size(size)
    self._size = side, side
    shortest = (self.chunk_frames + self.lookahead_frames) / FPS
    max_waiting = argument_checks.number('max_waiting', max_waiting, shortest, 3600)
    self._release, self._sampler, self._renderer = release, sampler, draw
    self._computing = threading.RLock()
    self._audio: LiveAudio | None = LiveAudio(max_waiting)
    self._seconds: collections.deque[float] = collections.deque(maxlen=_TIMED_CHUNKS)
    self.portrait, self.num_frames = portrait, 0
    self._pushes = 0  # at the last call of `idle`
    resolved = self._resolved(controls, control_scales)
    with release.computing():
      draw.prepare(release.side)
      self._encoded = draw.encode_portrait(portrait)
      self._motion = live_motion.LiveMotion(
        release,
        sampler,
        self._encoded.m_0,
        seed,
        release.sampling(steps, guidance_scale),
        resolved,
        chunk=self.chunk_frames,
        lookahead=self.lookahead_frames,
      )
    # Everything is compiled now, and not when the first words wait; then its time is known as well.
    for _ in range(2):
      self._seconds.clear()
      self._made(self._waiting().silence(self.chunk_frames, self.lookahead_frames))
      self._motion.restart()
    self.num_frames = 0

  def __repr__(self) -> str:
    return (
      f'Session({self.num_frames} frames, {self.waiting:.2f} s of audio waiting, delay {self.delay:.2f} s)'
    )

  def __enter__(self) -> Session:
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  @property
  def size(self) -> tuple[int, int]:
    """Height and width of the frames, in pixels."""
    return self._size

  @property
  def waiting(self) -> float:
    """Seconds of audio that were pushed and not yet spoken."""
    return self._waiting().seconds

  @property
  def compute_seconds(self) -> float:
    """Seconds that a chunk takes to compute: the median of the last ones."""
    return statistics.median(self._seconds)

  @property
  def delay(self) -> float:
    """Seconds from a sample's push to its frame, if audio arrives in real time: chunk, look-ahead and computation.

    The first sample of a chunk waits as long as that; the last one waits for look-ahead and computation alone.
    """
    return (self.chunk_frames + self.lookahead_frames) / FPS + self.compute_seconds

  def push(self, samples: np.ndarray | tuple[np.ndarray, float]) -> None:
    """Appends audio; computes nothing.

    Args:
      samples: `[n]` or `[n, channels]` at 16 kHz, floats in [-1, 1] or full-scale integers, or `(samples, rate_hz)`.

    Raises:
      SpeechError: no samples, or NaN or infinite ones. Nothing is appended.
      SessionFullError: more audio would wait than `max_waiting`. Nothing is appended.
      InputError: the session is closed.
    """
    given = samples if isinstance(samples, tuple) and len(samples) == 2 else (samples, SAMPLE_RATE_HZ)
    self._waiting().push(*given)

  def pull(self) -> LiveChunk | None:
    """The next chunk, or None if it needs more audio: chunk and look-ahead, or the end of the utterance (`flush`)."""
    with self._computing:
      taken = self._waiting().take(self.chunk_frames, self.lookahead_frames)
      return None if taken is None else self._made(taken)

  def __iter__(self) -> Iterator[LiveChunk]:
    """Yields the chunks that are ready."""
    while (chunk := self.pull()) is not None:
      yield chunk

  def idle(self) -> LiveChunk:
    """The next chunk in any case: of audio if one is ready, else of silence, before the audio that waits.

    Audio that waits is the look-ahead of the silence, and lips open in time for it. If nothing was pushed since the
    last call of `idle`, what waits counts as the end of an utterance, as after `flush`, and is spoken.
    """
    with self._computing:
      waiting = self._waiting()
      if waiting.pushes == self._pushes and waiting.seconds:
        waiting.end()
      self._pushes = waiting.pushes
      how = self.chunk_frames, self.lookahead_frames
      return self._made(waiting.take(*how) or waiting.silence(*how))

  def flush(self) -> Iterator[LiveChunk]:
    """Ends the utterance: what waits is ready, with silence after it. Returns the iterator of its chunks.

    The last chunk may be shorter. `ceil(samples / 640)` frames belong to an utterance, as in a clip. More audio may be
    pushed at any time.
    """
    self._waiting().end()
    return iter(self)

  def clear(self, unseen: int = 0) -> int:
    """Drops the audio that waits, for an interruption; the motion goes on from the last frame.

    Args:
      unseen: of the frames handed out, the last ones that were not shown: the motion goes on before them.

    Returns:
      The number of unseen frames that were taken back: those of the last seconds.
    """
    unseen = argument_checks.whole('unseen', unseen, 0)
    with self._computing:
      self._waiting().clear()
      taken = self._motion.take_back(min(unseen, self.num_frames))
      self.num_frames -= taken
      return taken

  def control(
    self, controls: Mapping[str, Any] | None = None, control_scales: Mapping[str, float] | None = None
  ) -> None:
    """Replaces the controls from the next chunk on; other names than before may compile another program.

    Args:
      controls, control_scales: see `controls.resolve`; pose, blink and gaze have one value, which is held.

    Raises:
      InputError: a control that the checkpoint does not support, or no such value.
    """
    resolved = self._resolved(controls, control_scales)
    with self._computing:
      self._motion.controls = resolved

  def close(self) -> None:
    """Drops what waits; later calls raise `InputError`."""
    with self._computing:
      self._audio = None

  def _waiting(self) -> LiveAudio:
    audio = self._audio
    if audio is None:
      raise InputError('the session is closed, session: make a new one')
    return audio

  def _made(self, taken: Taken) -> LiveChunk:
    """Frames of audio that was taken from the queue."""
    began = time.perf_counter()
    with self._release.computing():
      motion = self._motion.next(taken)
      draw = self._renderer.bind(self._encoded, motion, self._fusion)
      starts = range(0, len(motion), renderer.CHUNK)
      parts = [np.asarray(part) for part in batching.run_ahead(draw, starts, ahead=self._renderer.ahead)]
    frames = np.concatenate(parts)[: len(motion)]
    if frames.shape[1:3] != self._size:
      frames = np.stack([image_lib.resize(frame, self._size) for frame in frames])
    self.num_frames += len(frames)
    self._seconds.append(time.perf_counter() - began)
    return LiveChunk(frames, taken.spoken)

  def _resolved(self, controls, scales) -> controls_lib.ResolvedControls:
    window = live_motion.window_of(self._release)
    held = {
      name: _held(name, value, window) if name in CONTROL_TRACKS else value
      for name, value in (controls or {}).items()
    }
    available = self._release.networks.modules['motion_transformer'].controls
    return controls_lib.resolve(held, scales, available, window, self._sampler.style_code)


def _frames_of(chunk: float, lookahead: float, window: int) -> tuple[int, int]:
  """Frames of a chunk, a multiple of those of a rendering call, and of the look-ahead."""
  longest = window // 2 / FPS
  chunk = argument_checks.number('chunk', chunk, renderer.CHUNK / FPS, longest)
  lookahead = argument_checks.number('lookahead', lookahead, LEAST_LOOKAHEAD / FPS, longest)
  frames = -(-round(chunk * FPS) // renderer.CHUNK) * renderer.CHUNK
  ahead = round(lookahead * FPS)
  if frames + ahead > window // 2:
    raise InputError(
      f'a chunk of {frames / FPS:g} s and a look-ahead of {ahead / FPS:g} s, arguments chunk and lookahead: give at '
      f'most {longest:g} s together, half a window of the motion transformer'
    )
  return frames, ahead


def _held(name: str, value: Any, count: int) -> np.ndarray:
  """One value of a control for all frames, float32 `[count, width]`."""
  try:
    value = np.asarray(value, np.float32).reshape(-1)
  except (TypeError, ValueError):
    value = np.zeros(0)
  if len(value) != CONTROL_TRACKS[name]:
    raise InputError(
      f'{name}, argument controls: a session holds one value, give {CONTROL_TRACKS[name]} numbers'
    )
  return np.broadcast_to(value, (count, len(value)))
