"""Queue of live audio: frames in order, ends of utterances, other rates, bounds."""

import numpy as np
import pytest
import sounds

from seetalk_jax.errors import SpeechError
from seetalk_jax.inference.live_audio import LiveAudio, SessionFullError


def taken(queue, count=4, lookahead=2):
  found = []
  while (part := queue.take(count, lookahead)) is not None:
    assert len(part.ahead) == 640 * lookahead
    found.append(part.spoken)
  return found


@pytest.mark.parametrize('cuts', [[], [1, 3000], [640, 641, 5000, 7000]])
@pytest.mark.parametrize('rate', [16_000, 8_000, 44_100, 48_000])
def test_the_samples_do_not_depend_on_the_pushes(cuts, rate):
  wave = sounds.tone(0.6, rate_hz=rate)[:, 0]
  queues = LiveAudio(10.0), LiveAudio(10.0)
  queues[0].push(wave, rate)
  early = []
  for part in np.split(wave, cuts):
    queues[1].push(part, rate)
    early += taken(queues[1])
  for queue in queues:
    queue.end()
  whole, pieces = np.concatenate(taken(queues[0])), np.concatenate(early + taken(queues[1]))
  np.testing.assert_array_equal(pieces, whole)
  assert len(whole) == 640 * 15
  if rate == 16_000:
    np.testing.assert_array_equal(whole, wave)


def test_frames_wait_for_the_audio_after_them():
  queue = LiveAudio(10.0)
  wave = np.arange(1, 1 + 640 * 6 + 5) / 1e4
  queue.push(wave[: 640 * 6 - 1])
  assert queue.take(4, 2) is None
  queue.push(wave[640 * 6 - 1 :])
  first = queue.take(4, 2)
  np.testing.assert_allclose(np.concatenate(first), wave[: 640 * 6], rtol=1e-6)
  assert queue.take(4, 2) is None
  queue.end()
  last = queue.take(4, 2)
  assert len(last.spoken) == 640 * 3  # 2 frames and 5 samples, filled with silence
  np.testing.assert_array_equal(last.spoken[640 * 2 + 5 :], 0)
  assert queue.take(4, 2) is None and queue.seconds == 0


def test_audio_after_an_end_is_the_look_ahead_of_what_is_before_it():
  queue = LiveAudio(10.0)
  queue.push(np.full(640 * 2, 0.1))
  queue.end()
  queue.push(np.full(640, 0.2))
  part = queue.take(4, 2)
  assert len(part.spoken) == 640 * 2
  np.testing.assert_allclose(part.ahead, [0.2] * 640 + [0.0] * 640)
  assert queue.take(4, 2) is None


def test_silence_goes_before_what_waits():
  queue = LiveAudio(10.0)
  queue.push(np.full(1000, 0.1))
  part = queue.silence(4, 2)
  np.testing.assert_array_equal(part.spoken, 0)
  np.testing.assert_allclose(part.ahead, [0.1] * 1000 + [0.0] * 280)
  assert queue.seconds == 1000 / 16_000
  queue.clear()
  assert queue.seconds == 0 and queue.take(4, 2) is None


def test_more_than_may_wait_is_refused_whole():
  queue = LiveAudio(1.0)
  queue.push(np.zeros(8000))
  with pytest.raises(SessionFullError, match=r'0\.5 s of audio wait and 0\.6 s more .* at most 1 s'):
    queue.push(np.zeros(9600))
  with pytest.raises(SessionFullError):
    queue.push(np.zeros(28_000), 44_100)
  assert queue.seconds == 0.5 and queue.pushes == 1
  queue.push(np.zeros(8000))


def test_integers_and_channels_are_mono_floats():
  queue = LiveAudio(1.0)
  queue.push(np.array([[16384, 0], [-32768, -32768]], np.int16))
  queue.end()
  np.testing.assert_allclose(queue.take(4, 2).spoken[:3], [0.25, -1.0, 0.0])


@pytest.mark.parametrize('wrong', [np.array([0.0, np.nan]), np.zeros((2, 2, 2)), 'a file', [1j]])
def test_what_is_no_audio_is_refused(wrong):
  queue = LiveAudio(1.0)
  with pytest.raises(SpeechError):
    queue.push(wrong)
  assert queue.seconds == 0 and queue.pushes == 0
  with pytest.raises(SpeechError, match='rate'):
    queue.push(np.zeros(10), 10)
