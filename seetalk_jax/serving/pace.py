"""Pace of a live video: how far ahead of the player it is, by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from seetalk_jax.constants import FPS

_SPARE_SECONDS = 0.1  # for the network and the player
_TOLERATED_SECONDS = 0.2  # of a player that waits


class Pace:
  """The clock of one reader of a video, which starts with the first chunk.

  A chunk of silence is due when what the player still has just lasts until the chunk is computed. A chunk of audio
  may be one chunk earlier, so that a text-to-speech program can be ahead, and not more: an interruption should be
  seen soon.

  Args:
    chunk_seconds: length of a chunk.
    clock: seconds, monotonic.
  """

  def __init__(self, chunk_seconds: float, clock: Callable[[], float] = time.monotonic):
    self._chunk, self._clock = chunk_seconds, clock
    self._end: float | None = None  # when the player has shown everything

  @property
  def buffered(self) -> float:
    """Seconds of video that the player has not shown yet."""
    return 0.0 if self._end is None else max(0.0, self._end - self._clock())

  def sent(self, frames: int) -> None:
    """A chunk was sent; a player that had nothing left starts to show it now."""
    now = self._clock()
    self._end = max(now, self._end or now) + frames / FPS

  def due(self, compute_seconds: float) -> float:
    """Seconds until the next chunk has to be computed, of silence if need be; 0: now.

    Args:
      compute_seconds: that a chunk takes.
    """
    return max(0.0, self.buffered - self._margin(compute_seconds))

  def arrives_in_time(self, audio_seconds: float, compute_seconds: float) -> bool:
    """Whether a chunk, whose audio is complete in `audio_seconds`, comes when the player has just run dry, or sooner.

    Silence between two chunks of speech would be heard longer than a player that waits for a moment.
    """
    return audio_seconds + compute_seconds <= self.buffered + _TOLERATED_SECONDS

  def may_speak(self, compute_seconds: float) -> bool:
    """Whether a chunk of audio that is ready may be computed."""
    return self.buffered <= self._margin(compute_seconds) + self._chunk

  def _margin(self, compute_seconds: float) -> float:
    return 1.25 * compute_seconds + _SPARE_SECONDS
