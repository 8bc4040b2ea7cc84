"""Live session in the worker: its video at the pace of the clock, commands, limits."""

import io
import queue
import time

import av
import numpy as np
import pytest
from PIL import Image

from seetalk_jax.media.live_video import LiveVideo
from seetalk_jax.serving import messages
from seetalk_jax.serving.live_session import LiveSession
from seetalk_jax.serving.turns import Turns
from seetalk_jax.testing import tiny_release

FORM = {
  'seed': 0,
  'chunk': 0.32,
  'lookahead': 0.2,
  'steps': None,
  'guidance': None,
  'size': 128,
  'max_waiting': 2.0,
}


class Opened:
  """A session and what it sends."""

  def __init__(self, portrait, **form):
    self.sent = queue.Queue()
    request = messages.OpenSession(0, 'id', portrait, None, {**FORM, **form})
    self.live = LiveSession(tiny_release.load(tiny_release.live()), request, Turns(), self.sent.put)
    self.live.start()
    self.reply = self.sent.get(timeout=200)

  def ask(self, message):
    (self.live.push if isinstance(message, messages.PushAudio) else self.live.command)(message)
    while not isinstance(found := self.sent.get(timeout=20), messages.Reply):
      pass
    return found

  def chunks(self, count):
    found = []
    while len(found) < count:
      if isinstance(message := self.sent.get(timeout=20), messages.Video):
        found.append(message)
    return found


@pytest.fixture(scope='module')
def portrait(tmp_path_factory):
  path = tmp_path_factory.mktemp('face') / 'face.png'
  Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(path)
  return path


@pytest.fixture
def session(portrait):
  opened = Opened(portrait)
  yield opened
  opened.live.command(messages.CloseSession('id'))


def speech(seconds):
  t = np.arange(round(seconds * 16_000)) / 16_000
  return (10_000 * np.sin(2 * np.pi * 200 * t)).astype('<i2').tobytes()


def test_the_video_keeps_to_the_clock_and_has_the_sound_that_was_pushed(session):
  assert session.reply.error is None and session.reply.value.chunk == pytest.approx(0.32)
  began = time.monotonic()
  session.live.command(messages.Watch('id', 7))
  assert session.ask(messages.PushAudio(1, 'id', speech(1.0), 16_000)).error is None
  chunks = session.chunks(8)
  assert time.monotonic() - began > 8 * 0.32 - 1.5  # what the player has is bounded
  assert {chunk.reader for chunk in chunks} == {7}
  data = b''.join(chunk.data for chunk in chunks)
  with av.open(io.BytesIO(data)) as file:
    assert 'synthetic' in str(file.metadata).lower()
    frames = list(file.decode(video=0))
  # The last chunk of the utterance is shorter.
  assert 7 * 8 < len(frames) <= 8 * 8 and (frames[0].width, frames[0].height) == (128, 128)
  assert [float(frame.pts * frame.time_base) * 25 for frame in frames] == pytest.approx(range(len(frames)))
  with av.open(io.BytesIO(data)) as file:
    sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
  loud = np.sqrt(np.mean(sound[: len(sound) // 640 * 640].reshape(-1, 640) ** 2, axis=1)) > 0.05
  assert 22 <= loud.sum() <= 28  # 1 s


def test_nothing_is_computed_without_a_reader(session):
  session.live.command(messages.Watch('id', 1))
  session.chunks(2)
  session.live.command(messages.Unwatch('id'))
  session.ask(messages.Command(1, 'id', 'flush'))
  while not session.sent.empty():
    session.sent.get()
  with pytest.raises(queue.Empty):
    session.sent.get(timeout=1.0)
  session.live.command(messages.Watch('id', 2))
  (again,) = session.chunks(1)
  assert again.reader == 2 and again.data[4:8] == b'ftyp'


def test_too_much_audio_waits_until_it_is_cleared(session):
  assert session.ask(messages.PushAudio(1, 'id', speech(1.5), 16_000)).error is None
  full = session.ask(messages.PushAudio(2, 'id', speech(1.5), 16_000))
  assert full.kind == 'full' and 'wait' in full.error
  assert session.ask(messages.Command(3, 'id', 'clear', {'unseen': 0})).value == 0
  assert session.ask(messages.PushAudio(4, 'id', speech(1.5), 16_000)).error is None


def test_errors_are_replies(session, portrait):
  assert session.ask(messages.Command(1, 'id', 'control', {'emotion': 'happy'})).error
  assert Opened(portrait, chunk=9.0).reply.error


def test_a_closed_session_takes_nothing(session):
  session.live.command(messages.CloseSession('id'))
  time.sleep(0.3)
  assert session.ask(messages.PushAudio(1, 'id', speech(0.1), 16_000)).kind == 'gone'


def test_what_was_computed_before_a_message_is_sent_before_its_reply(session, monkeypatch):
  """Else a reader would count a chunk that it gets after the reply to `clear` as new."""
  encode = LiveVideo.write
  monkeypatch.setattr(LiveVideo, 'write', lambda video, *chunk: time.sleep(0.3) or encode(video, *chunk))
  session.live.command(messages.Watch('id', 1))
  session.chunks(1)
  session.live.command(messages.Unwatch('id'))
  session.ask(messages.Command(1, 'id', 'flush'))
  with pytest.raises(queue.Empty):
    while True:
      assert not isinstance(session.sent.get(timeout=0.6), messages.Video)
