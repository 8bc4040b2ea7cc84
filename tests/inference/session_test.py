"""Live sessions with tiny random networks: order, determinism, continuity, bounds, memory."""

import threading
import tracemalloc

import jax
import numpy as np
import pytest

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.errors import CheckpointError, InputError, SpeechError
from seetalk_jax.inference import live_motion, session
from seetalk_jax.inference.live_audio import SessionFullError
from seetalk_jax.testing import tiny_release

SIDE = tiny_release.SIDE
PORTRAIT = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope='module')
def pipe():
  return tiny_release.load(tiny_release.live())


def noise(num_samples, seed=0):
  return (0.1 * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


def spoken(live, wave, cuts=(), eager=True):
  """(frames, audio) of an utterance that is pushed in parts."""
  chunks = []
  for part in np.split(wave, list(cuts)):
    live.push(part)
    if eager:
      chunks += list(live)
  chunks += list(live.flush())
  return tuple(np.concatenate(parts) for parts in zip(*chunks, strict=True))


def test_frames_and_audio_do_not_depend_on_the_pushes(pipe):
  wave = noise(2 * 16_000 + 700)
  whole, sound = spoken(pipe.session(PORTRAIT, chunk=0.32, seed=3), wave)
  assert whole.shape == (52, SIDE, SIDE, 3) and whole.dtype == np.uint8 and whole.std() > 1
  assert sound.dtype == np.float32 and len(sound) == 52 * SAMPLES_PER_FRAME
  np.testing.assert_array_equal(sound[: len(wave)], wave)
  np.testing.assert_array_equal(sound[len(wave) :], 0)
  for cuts, eager in (([1, 5, 9000, 30_000], True), (range(320, len(wave), 320), True), ([4000], False)):
    frames, same = spoken(pipe.session(PORTRAIT, chunk=0.32, seed=3), wave, cuts, eager)
    np.testing.assert_array_equal(frames, whole)
    np.testing.assert_array_equal(same, sound)
  other, _ = spoken(pipe.session(PORTRAIT, chunk=0.32, seed=4), wave)
  assert (other != whole).any()


def test_chunks_wait_for_their_look_ahead(pipe):
  live = pipe.session(PORTRAIT, chunk=0.16, lookahead=0.2)
  assert (live.chunk_frames, live.lookahead_frames) == (4, 5)
  live.push(noise(9 * 640 - 1))
  assert live.pull() is None
  live.push(noise(1))
  frames, audio = live.pull()
  assert len(frames) == 4 and len(audio) == 4 * 640 and live.pull() is None
  assert live.num_frames == 4 and live.waiting == 0.2
  assert live.delay == pytest.approx(0.36 + live.compute_seconds) and live.compute_seconds > 0
  assert 'delay' in repr(live)


def test_later_speech_does_not_change_earlier_frames(pipe):
  wave = noise(2 * 16_000)
  live, other = (pipe.session(PORTRAIT, chunk=0.32) for _ in range(2))
  changed = wave.copy()
  changed[16_000:] = noise(16_000, seed=5)
  frames, others = spoken(live, wave)[0], spoken(other, changed)[0]
  before = 25 - live.lookahead_frames
  before -= before % live.chunk_frames
  np.testing.assert_array_equal(frames[:before], others[:before])
  assert (frames[before:] != others[before:]).any()


def test_the_speech_moves_the_face(pipe):
  wave = noise(16_000)
  louder = spoken(pipe.session(PORTRAIT, chunk=0.32), np.where(np.arange(16_000) > 8000, wave, 0))[0]
  assert (louder != spoken(pipe.session(PORTRAIT, chunk=0.32), wave)[0]).any()


def test_idle_life_comes_before_speech_that_waits(pipe):
  live = pipe.session(PORTRAIT, chunk=0.32)
  frames, audio = live.idle()
  assert len(frames) == live.chunk_frames and not audio.any()
  live.push(noise(3200))
  assert not live.idle().audio.any() and live.waiting == 0.2
  live.push(noise(640))
  assert not live.idle().audio.any()
  # Nothing was pushed since: it was the end of the utterance.
  rest = live.idle()
  assert len(rest.frames) == 6 and rest.audio.any() and live.waiting == 0
  assert not live.idle().audio.any()


def test_an_interruption_drops_what_waits_and_motion_goes_on(pipe, monkeypatch):
  latents = []
  original = live_motion.LiveMotion.next
  monkeypatch.setattr(
    live_motion.LiveMotion, 'next', lambda self, audio: latents.append(original(self, audio)) or latents[-1]
  )
  live = pipe.session(PORTRAIT, chunk=0.32)
  live.push(noise(2 * 16_000))
  first = live.pull()
  assert live.clear() == 0
  assert live.waiting == 0 and live.pull() is None and list(live.flush()) == []
  past = live._motion._past
  assert len(past) == len(first.frames)
  live.push(noise(16_000, seed=1))
  live.pull()
  np.testing.assert_array_equal(live._motion._past[: len(past)], past)
  assert live.num_frames == 16
  assert live.clear(unseen=3) == 3 and live.num_frames == 13 and len(live._motion._past) == 13
  assert live.clear(unseen=1000) == 13 and live.num_frames == 0
  with pytest.raises(InputError, match='unseen'):
    live.clear(-1)


def test_taken_back_frames_are_sampled_again_alike(pipe):
  live = pipe.session(PORTRAIT, chunk=0.32)
  wave = noise(40 * 640)
  live.push(wave)
  first, second = live.pull(), live.pull()
  before = live._motion._past
  live.clear(unseen=len(second.frames))
  live.push(wave[len(first.audio) :])
  again, after = live.pull(), live._motion._past
  np.testing.assert_array_equal(again.audio, second.audio)
  # Nearly: the level of the speech has counted the second chunk before.
  assert np.abs(after - before).mean() < 0.1 * np.abs(np.diff(before, axis=0)).mean()


def test_motion_goes_on_at_the_borders_of_silence_and_speech(pipe):
  """With the past as the network reads it, the noise of a frame is its own in every window."""
  live = pipe.session(PORTRAIT, chunk=0.32)
  for _ in range(3):
    live.idle()
  live.push(noise(16_000))
  list(live.flush())
  for _ in range(3):
    live.idle()
  track = live._motion._past
  steps = np.linalg.norm(np.diff(track, axis=0), axis=-1)
  borders = np.arange(len(steps)) % live.chunk_frames == live.chunk_frames - 1
  assert np.median(steps[borders]) < 2 * np.median(steps[~borders])
  assert steps.min() > 0  # no frame is a copy of the one before it


def test_memory_and_programs_do_not_grow(pipe):
  live = pipe.session(PORTRAIT, chunk=0.32)
  draw = live._renderer._draw

  def a_while(seed):
    for _ in range(20):
      live.push((np.int16(3000 * noise(8000, seed)), 8000))
      for _ in live:
        pass

  programs = pipe._motion_sampler._samplers._compiled
  a_while(0)
  sizes = draw._jitted._cache_size(), len(programs), live._motion._past.shape, live._motion._speech.shape
  compiled = []
  jax.monitoring.register_event_duration_secs_listener(
    lambda name, *_, **__: compiled.append(name) if 'backend_compile' in name else None
  )
  tracemalloc.start()
  try:
    a_while(1)
    before = tracemalloc.get_traced_memory()[0]
    a_while(2)
    grown = tracemalloc.get_traced_memory()[0] - before
  finally:
    tracemalloc.stop()
    jax.monitoring.clear_event_listeners()
  assert compiled == []
  assert sizes == (
    draw._jitted._cache_size(),
    len(programs),
    live._motion._past.shape,
    live._motion._speech.shape,
  )
  assert grown < 200_000, f'{grown} bytes in 20 s'


def test_audio_that_waits_is_bounded(pipe):
  live = pipe.session(PORTRAIT, chunk=0.32, max_waiting=1.0)
  live.push(noise(16_000))
  with pytest.raises(SessionFullError, match='pull frames first'):
    live.push(noise(1))
  assert live.pull() is not None
  live.push(noise(1))


def test_audio_is_pushed_from_another_thread(pipe):
  live, wave = pipe.session(PORTRAIT, chunk=0.32), noise(3 * 16_000)
  pusher = threading.Thread(target=lambda: [live.push(part) for part in np.split(wave, 100)])
  pusher.start()
  chunks = []
  while pusher.is_alive() or live.waiting > 1:
    chunks += list(live)
  chunks += list(live.flush())
  np.testing.assert_array_equal(np.concatenate([chunk.audio for chunk in chunks]), wave)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'chunk': 0.1}, 'chunk 0.1, argument chunk: give a number from 0.16 to 2'),
    ({'lookahead': 0.1}, 'lookahead 0.1, argument lookahead: give a number from 0.2 to 2'),
    ({'chunk': 1.5, 'lookahead': 1.0}, 'give at most 2 s together'),
    ({'seed': 'a'}, 'seed'),
    ({'size': 15}, 'size 15'),
    ({'fusion': 2}, 'fusion'),
    ({'max_waiting': 0.1}, 'max_waiting'),
    ({'steps': 0}, 'steps'),
    ({'controls': {'gaze': [0, 0]}}, "no control 'gaze' in this checkpoint"),
    ({'controls': {'pose': [0, 0]}}, 'pose, argument controls: .* give 3 numbers'),
  ],
)
def test_wrong_options_are_one_line(pipe, options, message):
  with pytest.raises(InputError, match=message):
    pipe.session(PORTRAIT, **options)


def test_a_release_without_past_is_refused():
  plain = tiny_release.load(tiny_release.shared())
  with pytest.raises(CheckpointError, match='takes no past frames'):
    plain.session(PORTRAIT)


def test_a_closed_session_says_so(pipe):
  with pipe.session(PORTRAIT, size=32) as live:
    with pytest.raises(SpeechError):
      live.push(np.array([np.inf]))
    assert live.idle().frames.shape == (session.CHUNK_SECONDS * 25, 32, 32, 3)
  for call in (live.idle, live.pull, live.clear, live.flush, lambda: live.push(noise(1))):
    with pytest.raises(InputError, match='the session is closed'):
      call()
