"""A live session without networks: the queue of a real one, and frames whose pixels are their number."""

import threading
import time

import numpy as np

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.inference.live_audio import LiveAudio
from seetalk_jax.inference.session import LiveChunk


class FakeSession:
  """See `inference.session.Session`.

  Attributes:
    threads: those that computed.
    cleared: the arguments of `clear`.
  """

  def __init__(self, size=(6, 8), chunk=4, lookahead=5, seconds=0.0):
    self.size, self.chunk_frames, self.lookahead_frames = size, chunk, lookahead
    self.compute_seconds, self.num_frames = seconds, 0
    self.threads, self.cleared, self.closed = set(), [], False
    self._audio, self._pushes = LiveAudio(30.0), 0

  @property
  def waiting(self):
    return self._audio.seconds

  def push(self, samples):
    self._audio.push(*samples)

  def pull(self):
    taken = self._audio.take(self.chunk_frames, self.lookahead_frames)
    return None if taken is None else self._made(taken)

  def idle(self):
    if self._audio.pushes == self._pushes and self._audio.seconds:
      self._audio.end()
    self._pushes = self._audio.pushes
    how = self.chunk_frames, self.lookahead_frames
    return self._made(self._audio.take(*how) or self._audio.silence(*how))

  def flush(self):
    self._audio.end()

  def clear(self, unseen=0):
    self._audio.clear()
    self.cleared.append(unseen)
    self.num_frames -= unseen
    return unseen

  def close(self):
    self.closed = True

  def _made(self, taken):
    self.threads.add(threading.get_ident())
    time.sleep(self.compute_seconds)
    count = len(taken.spoken) // SAMPLES_PER_FRAME
    numbers = np.arange(self.num_frames, self.num_frames + count) % 256
    self.num_frames += count
    frames = np.broadcast_to(numbers.astype(np.uint8)[:, None, None, None], (count, *self.size, 3))
    return LiveChunk(frames, taken.spoken)
