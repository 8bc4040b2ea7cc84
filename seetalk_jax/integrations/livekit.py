"""A live session as the video generator of LiveKit's avatars, optional extra `livekit`.

generator = SeeTalkGenerator(pipe.session('face.png'))
runner = AvatarRunner(room, audio_recv=receiver, video_gen=generator, options=generator.options)
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.errors import InputError
from seetalk_jax.inference.session import Session
from seetalk_jax.integrations import live_stream

try:
  from livekit import rtc
  from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator
except ImportError:
  raise InputError("LiveKit Agents is not installed: pip install 'seetalk-jax[livekit]'") from None


class SeeTalkGenerator(VideoGenerator):
  """Frames at 25 fps with the audio of the agent; silent frames alone while the agent says nothing.

  LiveKit's `AvatarRunner` sets the pace. Frames are computed in a thread.

  Args:
    session: an open session, which belongs to this object.

  Attributes:
    options: size, frame rate and sample rate, for `AvatarRunner`.
  """

  def __init__(self, session: Session):
    self._stream = live_stream.LiveStream(session)
    height, width = session.size
    self.options = AvatarOptions(
      video_width=width,
      video_height=height,
      video_fps=FPS,
      audio_sample_rate=SAMPLE_RATE_HZ,
      audio_channels=1,
    )

  async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
    """Appends audio of any rate and number of channels, or ends a segment."""
    if isinstance(frame, AudioSegmentEnd):
      self._stream.end()
    else:
      samples = np.array(frame.data, np.int16)[: frame.samples_per_channel * frame.num_channels]
      self._stream.push(samples.reshape(-1, frame.num_channels), frame.sample_rate)

  def clear_buffer(self) -> None:
    """An interruption: what is not yet spoken is dropped, and the next frames are silent."""
    self._stream.clear()

  def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
    """Yields each frame with its audio after it, and the ends of segments; one reader only."""
    return self._frames()

  async def _frames(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
    async for shown in self._stream:
      height, width, _ = shown.frame.shape
      yield rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, shown.frame.tobytes())
      if shown.audio is not None:
        yield rtc.AudioFrame(live_stream.pcm(shown.audio), SAMPLE_RATE_HZ, 1, len(shown.audio))
      if shown.last:
        yield AudioSegmentEnd()

  async def aclose(self) -> None:
    """Closes the session, after the runner has stopped."""
    await self._stream.close()
