"""A live session as an asynchronous stream of frames with their audio, for event loops.

stream = LiveStream(pipe.session('face.png'))
stream.push(samples, rate_hz)  # at any pace
stream.end()  # of a segment of speech
stream.clear()  # an interruption
async for shown in stream:  # without end; the reader sets the pace, 25 a second
  ...
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator
from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.inference.session import Session

_PIECE_SECONDS = 0.1  # of pushed audio, so that a session holds little more than it needs
# The next chunk is begun when what is left to show takes as long as this multiple of its computation, and a little
# longer. Silence must not be computed early: speech that arrives meanwhile would wait for it.
_LEAD, _LEAD_SECONDS = 1.5, 0.12


class Shown(NamedTuple):
  """A frame of the stream.

  Attributes:
    frame: uint8 `[h, w, 3]`.
    audio: float32 `[640]`, 16 kHz, of this frame; None in silence between segments.
    last: whether a segment of speech ends with this frame.
  """

  frame: np.ndarray
  audio: np.ndarray | None
  last: bool


class _Step(NamedTuple):
  frames: np.ndarray
  audio: np.ndarray | None
  last: bool


class LiveStream:
  """Frames of a session, computed in a thread just before they are due.

  All methods belong to one event loop; the session belongs to this object. Every segment of speech is spoken to its
  end before the next one begins. If audio stops without `end`, what waits is spoken and the face lives on in silence.

  Args:
    session: an open session, which this object closes with `close`.
  """

  def __init__(self, session: Session):
    self.session = session
    self._queue: collections.deque = collections.deque()  # (samples, rate), and None for the end of a segment
    self._ending = self._cleared = self._speaking = False

  @property
  def speaking(self) -> bool:
    """Whether speech waits or is being shown."""
    return self._speaking or bool(self._queue) or self.session.waiting > 0

  def push(self, samples: np.ndarray, rate_hz: float = SAMPLE_RATE_HZ) -> None:
    """Appends audio.

    Args:
      samples: `[n]` or `[n, channels]`, floats in [-1, 1] or full-scale integers.
      rate_hz: their rate.
    """
    count = max(1, round(_PIECE_SECONDS * rate_hz))
    self._queue.extend((samples[first : first + count], rate_hz) for first in range(0, len(samples), count))

  def end(self) -> None:
    """Ends a segment: its last frame has `last`."""
    self._queue.append(None)

  def clear(self) -> None:
    """Drops all that is not yet shown, also frames that are computed; motion goes on from the last frame shown."""
    self._queue = collections.deque()  # a thread may still take from the old one
    self._cleared = True

  async def close(self) -> None:
    """Closes the session; the stream must not be read any more."""
    await asyncio.to_thread(self.session.close)

  async def __aiter__(self) -> AsyncIterator[Shown]:
    """Yields frames without end; one reader only.

    Raises:
      InputError: pushed audio is not finite or no audio, or the session is closed.
    """
    coming: asyncio.Task[_Step] | None = None
    try:
      while True:
        step, coming = await (coming or self._start()), None
        self._speaking, shown = step.audio is not None, 0
        while shown < len(step.frames) and not self._cleared:
          left = (len(step.frames) - shown) / FPS
          if coming is None and left <= _LEAD * self.session.compute_seconds + _LEAD_SECONDS:
            coming = self._start()
          shown += 1
          yield _frame(step, shown - 1)
        if self._cleared:
          unseen = len(step.frames) - shown
          if coming is not None:
            unseen, coming = unseen + len((await coming).frames), None
          await asyncio.to_thread(self.session.clear, unseen)
          self._ending = self._cleared = False
        self._speaking = False
    finally:
      if coming is not None:
        coming.cancel()  # its thread ends by itself

  def _start(self) -> asyncio.Task[_Step]:
    return asyncio.create_task(asyncio.to_thread(self._next))

  def _next(self) -> _Step:
    """The next chunk, of speech if a chunk of it is there; in a thread."""
    fed = self._feed()
    chunk = self.session.pull()
    if chunk is None and self.session.waiting and not fed:  # audio has stopped
      self.session.flush()
      chunk = self.session.pull()
    last = self._ending and not self.session.waiting
    self._ending = self._ending and not last
    if chunk is None:
      return _Step(self.session.idle().frames, None, last)
    return _Step(chunk.frames, chunk.audio, last)

  def _feed(self) -> bool:
    """Gives the session the audio of a chunk, of one segment; whether there was any. In a thread."""
    queue, fed = self._queue, False
    enough = (self.session.chunk_frames + self.session.lookahead_frames) / FPS
    while queue and not self._ending and not self._cleared and self.session.waiting < enough:
      piece = queue.popleft()
      if piece is None:
        self.session.flush()
        self._ending = True
      else:
        self.session.push(piece)
        fed = True
    return fed


def _frame(step: _Step, index: int) -> Shown:
  audio = None
  if step.audio is not None:
    audio = step.audio[index * SAMPLES_PER_FRAME : (index + 1) * SAMPLES_PER_FRAME]
  return Shown(step.frames[index], audio, step.last and index == len(step.frames) - 1)


def pcm(audio: np.ndarray) -> bytes:
  """Samples in [-1, 1] as 16-bit integers in the byte order of the machine; larger ones are clipped."""
  return np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16).tobytes()
