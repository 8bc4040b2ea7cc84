"""Pipecat's interface: its pipeline, processors and frames, without a transport."""

import asyncio

import fake_session
import numpy as np
import pytest

frames = pytest.importorskip('pipecat.frames.frames')
from pipecat.tests import utils  # noqa: E402

from seetalk_jax.integrations import pipecat  # noqa: E402


def speech(seconds, rate=24_000):
  samples = 0.2 * np.sin(np.arange(int(seconds * rate)) / rate * 2 * np.pi * 200)
  return frames.TTSAudioRawFrame(np.round(samples * 32767).astype(np.int16).tobytes(), rate, 1)


def run(session, to_send):
  processor = pipecat.SeeTalkProcessor(session)
  down, _ = asyncio.run(utils.run_test(processor, frames_to_send=to_send))
  return down


def kinds(down, kind):
  return [frame for frame in down if isinstance(frame, kind)]


def test_speech_gives_pictures_with_speech_and_ends_after_it():
  session = fake_session.FakeSession(size=(6, 8))
  text = frames.TextFrame('hello')
  down = run(session, [frames.TTSStartedFrame(), speech(0.4), speech(0.4), text, frames.TTSStoppedFrame()])
  sounds, pictures = kinds(down, frames.TTSAudioRawFrame), kinds(down, frames.OutputImageRawFrame)
  assert len(sounds) == 20 and len(pictures) >= 20
  assert {(len(one.audio), one.sample_rate, one.num_channels) for one in sounds} == {(1280, 16_000, 1)}
  assert {(one.size, one.format, len(one.image), one.sync_with_audio) for one in pictures} == {
    ((8, 6), 'RGB', 8 * 6 * 3, True)
  }
  order = [type(frame) for frame in down]
  assert order.index(frames.TextFrame) < order.index(frames.TTSAudioRawFrame)  # others pass at once
  last = len(order) - 1 - order[::-1].index(frames.TTSAudioRawFrame)
  assert order.index(frames.TTSStoppedFrame) == last + 1
  for i, kind in enumerate(order):  # each sound follows its picture
    assert kind is not frames.TTSAudioRawFrame or order[i - 1] is frames.OutputImageRawFrame
  assert session.closed


def test_pictures_come_at_the_frame_rate_in_silence():
  down = run(fake_session.FakeSession(seconds=0.02), [utils.SleepFrame(sleep=1.0)])
  assert not kinds(down, frames.TTSAudioRawFrame)
  assert 20 <= len(kinds(down, frames.OutputImageRawFrame)) <= 27


def test_an_interruption_drops_what_is_not_spoken():
  session = fake_session.FakeSession()
  to_send = [speech(5), frames.TTSStoppedFrame(), utils.SleepFrame(sleep=0.5), frames.InterruptionFrame()]
  down = run(session, [*to_send, utils.SleepFrame(sleep=0.4)])
  sounds = kinds(down, frames.TTSAudioRawFrame)
  assert 5 <= len(sounds) <= 16 and len(session.cleared) == 1
  order = [type(frame) for frame in down]
  # System frames overtake what the next processor has not read yet: one picture and its speech.
  assert frames.TTSAudioRawFrame not in order[order.index(frames.InterruptionFrame) + 3 :]
  assert frames.TTSStoppedFrame not in order


def test_a_broken_session_is_reported():
  processor = pipecat.SeeTalkProcessor(fake_session.FakeSession())
  silent = frames.TTSAudioRawFrame(b'', 0, 1)
  silent.audio, silent.sample_rate = b'\0\0', -1
  _, up = asyncio.run(utils.run_test(processor, frames_to_send=[silent, utils.SleepFrame(sleep=0.3)]))
  assert any(
    'live session has stopped' in frame.error for frame in up if isinstance(frame, frames.ErrorFrame)
  )
