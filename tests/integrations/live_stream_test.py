"""Streams of a live session: order, segments, silence, interruptions, and who computes."""

import asyncio
import threading
import time

import fake_session
import numpy as np
import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.inference import session as session_lib
from seetalk_jax.integrations import live_stream
from seetalk_jax.testing import tiny_release


def wave(num_frames, rest=0, rate=16_000):
  return (0.1 * np.random.default_rng(0).standard_normal(num_frames * rate // 25 + rest)).astype(np.float32)


async def read(reader, until):
  """The frames until one that `until` accepts, with it."""
  frames = []
  while not frames or not until(frames[-1], frames):
    frames.append(await asyncio.wait_for(anext(reader), 60))
    assert len(frames) < 500
  return frames


def speech(frames):
  return np.concatenate([shown.audio for shown in frames if shown.audio is not None])


@pytest.mark.parametrize('real', [False, True])
def test_a_segment_comes_out_as_it_went_in(real):
  if real:
    pipe = tiny_release.load(tiny_release.live())
    portrait = np.zeros((tiny_release.SIDE, tiny_release.SIDE, 3), np.uint8)
    session = pipe.session(portrait, chunk=0.16, lookahead=0.2)
    assert isinstance(session, session_lib.Session) and session.size == (tiny_release.SIDE,) * 2
  else:
    session = fake_session.FakeSession()

  async def run():
    stream, said = live_stream.LiveStream(session), wave(30, rest=100)
    reader = aiter(stream)
    assert not stream.speaking
    silent = await read(reader, lambda shown, frames: len(frames) == 3)
    assert not any(shown.last or shown.audio is not None for shown in silent)
    stream.push(said)
    stream.end()
    assert stream.speaking
    frames = await read(reader, lambda shown, frames: shown.last)
    heard = speech(frames)
    assert len(heard) == 31 * 640
    np.testing.assert_array_equal(heard[: len(said)], said)
    assert [shown.last for shown in frames].count(True) == 1 and frames[-1].audio is not None
    assert all(shown.frame.shape == (*session.size, 3) for shown in frames)
    await read(reader, lambda shown, frames: len(frames) == 1)
    assert not stream.speaking
    await stream.close()
    if real:
      with pytest.raises(InputError, match='closed'):
        session.pull()

  asyncio.run(run())


def test_segments_do_not_mix_and_rates_may_differ():
  async def run():
    stream = live_stream.LiveStream(fake_session.FakeSession())
    reader = aiter(stream)
    stream.push(wave(3, rest=1))
    stream.end()
    stream.end()  # an empty one
    stream.push(np.stack([wave(10, rate=24_000)] * 2, 1), 24_000)
    stream.end()
    lengths = []
    for _ in range(3):
      frames = await read(reader, lambda shown, frames: shown.last)
      lengths.append(sum(shown.audio is not None for shown in frames))
    assert lengths == [4, 0, 10]

  asyncio.run(run())


def test_speech_that_stops_without_an_end_is_spoken():
  async def run():
    stream = live_stream.LiveStream(fake_session.FakeSession())
    reader = aiter(stream)
    stream.push(wave(2))
    frames = await read(reader, lambda shown, frames: len(frames) == 24)
    assert sum(shown.audio is not None for shown in frames) == 2
    assert not any(shown.last for shown in frames)

  asyncio.run(run())


def test_an_interruption_drops_speech_and_takes_back_frames_that_were_not_shown():
  async def run():
    session = fake_session.FakeSession()
    stream = live_stream.LiveStream(session)
    stream.push(wave(50))
    stream.end()
    reader = aiter(stream)
    shown = [await anext(reader) for _ in range(6)]
    assert shown[-1].audio is not None
    stream.clear()
    stream.push(wave(8))  # the next answer, pushed before the reader goes on
    stream.end()
    after = []
    while not after or not after[-1].last:
      after.append(await anext(reader))
    assert sum(one.audio is not None for one in after) == 8
    numbers = [int(one.frame[0, 0, 0]) for one in (*shown, *after)]
    assert numbers == list(range(len(numbers)))  # no frame twice, none left out
    assert len(session.cleared) == 1

  asyncio.run(run())


def test_computing_leaves_the_event_loop_alone():
  async def run():
    session = fake_session.FakeSession(seconds=0.2)
    reader, longest = aiter(live_stream.LiveStream(session)), 0.0

    async def watch():
      nonlocal longest
      while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await read(reader, lambda shown, frames: len(frames) == 12)
    watching.cancel()
    assert threading.get_ident() not in session.threads and session.threads
    assert longest < 0.15

  asyncio.run(run())


def test_silence_is_not_computed_long_before_it_is_shown():
  async def run():
    session = fake_session.FakeSession(chunk=16)
    reader = aiter(live_stream.LiveStream(session))
    for _ in range(8):
      await anext(reader)
    await asyncio.sleep(0.05)
    assert session.num_frames == 16
    for _ in range(7):
      await anext(reader)
    await asyncio.sleep(0.05)
    assert session.num_frames == 32

  asyncio.run(run())


def test_errors_of_the_session_reach_the_reader():
  async def run():
    stream = live_stream.LiveStream(fake_session.FakeSession())
    reader = aiter(stream)
    stream.push(np.full(640, np.nan, np.float32))
    with pytest.raises(InputError):
      await read(reader, lambda shown, frames: False)

  asyncio.run(run())


def test_pcm():
  assert np.frombuffer(live_stream.pcm(np.array([0, 1, -1, 2])), np.int16).tolist() == [
    0,
    32767,
    -32767,
    32767,
  ]
