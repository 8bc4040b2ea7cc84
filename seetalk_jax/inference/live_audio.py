"""Live audio: pushed samples of any rate as a bounded queue of frames at 16 kHz."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.errors import InputError
from seetalk_jax.media import audio

LOOKAHEAD_SECONDS = 0.4  # default of a session: audio after a chunk that its motion depends on
MAX_WAITING_SECONDS = 30.0  # default of a session: audio that may wait


class SessionFullError(InputError):
  """More audio is waiting than a live session keeps: take frames, or wait, and push again."""


class Taken(NamedTuple):
  """Audio of a chunk, whole frames, float32 `[640 n]` and `[640 lookahead]`.

  Attributes:
    spoken: of the frames of the chunk.
    ahead: after them, with silence where there is none yet.
  """

  spoken: np.ndarray
  ahead: np.ndarray


class LiveAudio:
  """A queue of audio; `push` from one thread and the other methods from another are safe.

  Args:
    max_seconds: audio that may wait.
  """

  def __init__(self, max_seconds: float):
    self._most = round(max_seconds * SAMPLE_RATE_HZ)
    self._lock = threading.Lock()
    self._reset()
    self.pushes = 0  # number of `push` calls so far

  def _reset(self) -> None:
    self._samples = np.zeros(0, np.float32)
    self._due = 0  # waiting frames that need no audio after them
    self._resampler: _Resampler | None = None

  @property
  def seconds(self) -> float:
    """Seconds that wait."""
    return len(self._samples) / SAMPLE_RATE_HZ

  def push(self, samples: np.ndarray, rate_hz: float = SAMPLE_RATE_HZ) -> None:
    """Appends audio.

    Args:
      samples: `[n]` or `[n, channels]`, floats in [-1, 1] or full-scale integers.
      rate_hz: their rate.

    Raises:
      SpeechError: no such samples or rate, or samples that are not finite. Nothing is appended.
      SessionFullError: more audio than may wait. Nothing is appended.
    """
    mono = audio.samples_of(samples, rate_hz, 'pushed audio').mean(axis=1)
    audio.check_finite(mono, rate_hz, 'pushed audio')
    with self._lock:
      coming = len(mono) * SAMPLE_RATE_HZ / rate_hz
      if len(self._samples) + coming > self._most:
        raise SessionFullError(
          f'{self.seconds:.1f} s of audio wait and {coming / SAMPLE_RATE_HZ:.1f} s more were pushed, session: at most '
          f'{self._most / SAMPLE_RATE_HZ:g} s may wait, pull frames first'
        )
      self.pushes += 1
      if self._resampler is not None and self._resampler.rate_hz != rate_hz:
        self._append(self._resampler.rest())
        self._resampler = None
      if self._resampler is None and rate_hz != SAMPLE_RATE_HZ:
        self._resampler = _Resampler(rate_hz)
      self._append(mono if self._resampler is None else self._resampler.next(mono))

  def end(self) -> None:
    """Ends what has been pushed: silence fills its last frame, and it waits for no audio after it."""
    with self._lock:
      if self._resampler is not None:
        self._append(self._resampler.rest())
        self._resampler = None
      self._append(np.zeros(-len(self._samples) % SAMPLES_PER_FRAME, np.float32))
      self._due = len(self._samples) // SAMPLES_PER_FRAME

  def clear(self) -> None:
    """Drops what waits."""
    with self._lock:
      self._reset()

  def take(self, count: int, lookahead: int) -> Taken | None:
    """The next `count` frames, or the fewer that are left at an end; None if they need more audio.

    Args:
      count: number of frames.
      lookahead: frames after them that must wait too, unless the audio has ended.
    """
    with self._lock:
      if len(self._samples) < (count + lookahead) * SAMPLES_PER_FRAME:
        count = min(count, self._due)
      if not count:
        return None
      taken = Taken(self._samples[: count * SAMPLES_PER_FRAME], self._ahead(count, lookahead))
      self._samples = self._samples[count * SAMPLES_PER_FRAME :].copy()  # a view would keep all samples
      self._due = max(0, self._due - count)
      return taken

  def silence(self, count: int, lookahead: int) -> Taken:
    """Frames of silence before what waits, which is their look-ahead."""
    with self._lock:
      return Taken(np.zeros(count * SAMPLES_PER_FRAME, np.float32), self._ahead(0, lookahead))

  def _ahead(self, first: int, count: int) -> np.ndarray:
    found = self._samples[first * SAMPLES_PER_FRAME :][: count * SAMPLES_PER_FRAME]
    return np.pad(found, (0, count * SAMPLES_PER_FRAME - len(found)))

  def _append(self, samples: np.ndarray) -> None:
    self._samples = np.concatenate([self._samples, samples.astype(np.float32)])


class _Resampler:
  """Resamples a stream of samples to 16 kHz."""

  def __init__(self, rate_hz: float):
    import soxr

    self.rate_hz = rate_hz
    self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype='float32', quality='HQ')

  def next(self, samples: np.ndarray) -> np.ndarray:
    return self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))

  def rest(self) -> np.ndarray:
    return self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
