"""LiveKit's interface of avatars: its base classes and frames, without a server."""

import asyncio

import fake_session
import numpy as np
import pytest

avatar = pytest.importorskip('livekit.agents.voice.avatar')
from livekit import rtc  # noqa: E402

from seetalk_jax.integrations import livekit  # noqa: E402


def frame_of(samples, rate=24_000, channels=2):
  values = np.repeat(np.round(samples * 32767).astype(np.int16)[:, None], channels, axis=1)
  return rtc.AudioFrame(values.tobytes(), rate, channels, len(values))


def tone(seconds, rate=24_000):
  return 0.2 * np.sin(np.arange(int(seconds * rate)) / rate * 2 * np.pi * 200)


async def until_end(reader):
  given = []
  while not given or not isinstance(given[-1], avatar.AudioSegmentEnd):
    given.append(await anext(reader))
  return given


def test_audio_in_gives_frames_with_audio_and_the_end():
  async def run():
    generator = livekit.SeeTalkGenerator(fake_session.FakeSession(size=(6, 8)))
    assert isinstance(generator, avatar.VideoGenerator)
    assert generator.options == avatar.AvatarOptions(8, 6, 25, 16_000, 1)
    for part in np.split(tone(0.8), 8):
      await generator.push_audio(frame_of(part))
    await generator.push_audio(avatar.AudioSegmentEnd())
    given = await until_end(aiter(generator))
    pictures = [one for one in given if isinstance(one, rtc.VideoFrame)]
    sounds = [one for one in given if isinstance(one, rtc.AudioFrame)]
    assert len(sounds) == 20 and len(pictures) >= 20
    assert {(one.width, one.height, one.type) for one in pictures} == {(8, 6, rtc.VideoBufferType.RGB24)}
    assert {(one.sample_rate, one.num_channels, one.samples_per_channel) for one in sounds} == {
      (16_000, 1, 640)
    }
    heard = np.concatenate([np.array(one.data) for one in sounds]) / 32767
    correlation = np.corrcoef(heard, tone(0.8, 16_000))[0, 1]
    assert correlation > 0.999
    for before, after in zip(given, given[1:], strict=False):  # each sound follows its picture
      assert not isinstance(after, rtc.AudioFrame) or isinstance(before, rtc.VideoFrame)

  asyncio.run(run())


def test_an_interruption_is_followed_by_silence():
  async def run():
    generator = livekit.SeeTalkGenerator(fake_session.FakeSession())
    await generator.push_audio(frame_of(tone(4)))
    reader = aiter(generator)
    given = [await anext(reader) for _ in range(9)]
    assert any(isinstance(one, rtc.AudioFrame) for one in given)
    generator.clear_buffer()
    later = [await anext(reader) for _ in range(12)]
    assert all(isinstance(one, rtc.VideoFrame) for one in later[1:])
    await generator.aclose()

  asyncio.run(run())


def test_the_runner_shows_it_and_reports_the_end():
  """LiveKit's own runner, queue and synchronizer, with a room that counts as connected."""

  class Runner(avatar.AvatarRunner):
    async def _publish_track(self):
      self._video_publication = self._audio_publication = object()

  async def run():
    generator = livekit.SeeTalkGenerator(fake_session.FakeSession(size=(64, 64)))
    receiver, finished = (
      avatar.QueueAudioOutput(sample_rate=16_000),
      asyncio.get_running_loop().create_future(),
    )
    receiver.on('playback_finished', lambda event: finished.done() or finished.set_result(event))
    runner = Runner(rtc.Room(), audio_recv=receiver, video_gen=generator, options=generator.options)
    await runner.start()
    await receiver.capture_frame(frame_of(tone(1.0, 16_000), 16_000, 1))
    receiver.flush()
    event = await asyncio.wait_for(finished, 20)
    assert event.playback_position == pytest.approx(1.0, abs=0.05) and not event.interrupted
    await runner.aclose()
    await generator.aclose()

  asyncio.run(run())
