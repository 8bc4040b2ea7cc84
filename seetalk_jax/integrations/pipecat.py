"""A live session as a processor of Pipecat, optional extra `pipecat`: between text-to-speech and output.

pipeline = Pipeline([..., tts, SeeTalkProcessor(pipe.session('face.png')), transport.output()])
"""

from __future__ import annotations

import asyncio
import time

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.errors import InputError
from seetalk_jax.inference.session import Session
from seetalk_jax.integrations import live_stream

try:
  from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
  )
  from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
except ImportError:
  raise InputError("Pipecat is not installed: pip install 'seetalk-jax[pipecat]'") from None


class SeeTalkProcessor(FrameProcessor):
  """Speech in, pictures with their speech out, at 25 fps in real time; pictures alone in silence.

  It takes `TTSAudioRawFrame`, and gives an `OutputImageRawFrame` before each 40 ms of speech. `TTSStoppedFrame` waits
  for the end of the speech before it, and so does `EndFrame`. All other frames pass at once. `InterruptionFrame` drops
  what is not yet spoken.

  Args:
    session: an open session, which belongs to this object.
    kwargs: of `FrameProcessor`.
  """

  def __init__(self, session: Session, **kwargs):
    super().__init__(**kwargs)
    self._stream = live_stream.LiveStream(session)
    self._stopped: list[TTSStoppedFrame] = []  # in the order of the segments that they end
    self._task: asyncio.Task | None = None
    self._interruptions = 0

  async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
    """See the class."""
    await super().process_frame(frame, direction)
    if isinstance(frame, TTSAudioRawFrame):
      samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
      self._stream.push(samples, frame.sample_rate)
      return
    if isinstance(frame, TTSStoppedFrame):
      self._stopped.append(frame)
      self._stream.end()
      return
    if isinstance(frame, StartFrame) and self._task is None:
      await self.push_frame(frame, direction)
      self._task = self.create_task(self._show())
      return
    if isinstance(frame, InterruptionFrame):
      self._stopped.clear()
      self._stream.clear()
      self._interruptions += 1
    elif isinstance(frame, EndFrame):
      await self._finish_speech()
      await self._stop()
    elif isinstance(frame, CancelFrame):
      await self._stop()
    await self.push_frame(frame, direction)

  async def cleanup(self) -> None:
    """Stops the stream and closes the session."""
    await self._stop()
    await super().cleanup()
    await self._stream.close()

  async def _show(self) -> None:
    """Pushes frames in real time; a chunk that comes late moves the following ones."""
    due = time.monotonic()
    try:
      async for shown in self._stream:
        due, before = max(due, time.monotonic() - 1 / FPS), self._interruptions
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += 1 / FPS
        height, width, _ = shown.frame.shape
        picture = OutputImageRawFrame(shown.frame.tobytes(), (width, height), 'RGB')
        picture.sync_with_audio = True  # shown after the audio before it
        await self.push_frame(picture)
        if shown.audio is not None and before == self._interruptions:
          await self.push_frame(TTSAudioRawFrame(live_stream.pcm(shown.audio), SAMPLE_RATE_HZ, 1))
        if shown.last and self._stopped:
          await self.push_frame(self._stopped.pop(0))
    except InputError as error:
      await self.push_error(f'the live session has stopped: {error}', exception=error)

  async def _finish_speech(self) -> None:
    if self._stream.speaking:
      self._stream.end()
    while self._stream.speaking and self._task is not None and not self._task.done():
      await asyncio.sleep(1 / FPS)

  async def _stop(self) -> None:
    if self._task is not None:
      task, self._task = self._task, None
      await self.cancel_task(task)
