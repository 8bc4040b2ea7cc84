"""Motion sampler of a release: windows of the length of its training, and motion with the lips of other motion."""

import types

import jax
import numpy as np
import pytest

from seetalk_jax.constants import LIPS, MOTION_FIELDS, TRUTH_KNOWN
from seetalk_jax.errors import CheckpointError
from seetalk_jax.inference import motion_sampler
from seetalk_jax.inference.controls import ResolvedControls
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.sampling_options import SamplingOptions
from seetalk_jax.releases import storage
from seetalk_jax.sampling import motion
from seetalk_jax.testing import tiny_release


@pytest.mark.parametrize(('stored', 'window'), [({'motion_window': 20}, (20, 5)), ({}, (100, 25))])
def test_a_release_is_sampled_in_windows_of_its_training(tmp_path, monkeypatch, stored, window):
  made = storage.load_networks(tiny_release.shared(), only=['motion_transformer', 'motion_codec'])
  folder = storage.save_release(tmp_path / 'release', made, {**made.statistics, **stored})
  networks = storage.load_networks(folder)
  used = []

  def jit_sampler(network, num_steps, names, levels, *lengths):
    used.append(lengths)
    return lambda params, tokens, m_0, noise, *rest: noise

  monkeypatch.setattr(motion, 'jit_sampler', jit_sampler)
  release = types.SimpleNamespace(
    networks=networks,
    params=networks.params,
    statistics=jax.device_put(networks.statistics),
    device=jax.devices()[0],
  )
  sampler = motion_sampler.MotionSampler(release)
  tokens = np.zeros((1, 30, networks.modules['motion_transformer'].token_dim), np.float32)
  m_0 = np.zeros((1, sampler.motion_dim), np.float32)
  track = sampler.sample(tokens, m_0, 0, SamplingOptions(motion_steps=1), ResolvedControls())
  assert track.shape == (30, sampler.motion_dim) and used == [window]


@pytest.fixture(scope='module')
def sampler():
  return motion_sampler.MotionSampler(tiny_release.load(tiny_release.shared()).release)


def test_a_prepared_sampler_compiles_once_and_samples_the_same(sampler, monkeypatch):
  tokens = np.random.default_rng(1).normal(size=(1, 30, 32)).astype(np.float32)
  m_0, options = np.zeros((1, sampler.motion_dim), np.float32), SamplingOptions(motion_steps=2)
  made = []
  original = motion.jit_sampler
  monkeypatch.setattr(motion, 'jit_sampler', lambda *how: made.append(how) or original(*how))
  plain = sampler.sample(tokens, m_0, 3, options, ResolvedControls())
  prepared = motion_sampler.MotionSampler(sampler._release)
  prepared.prepare(30, options, ResolvedControls())
  (compiled,) = prepared._samplers._compiled.values()
  assert compiled.started and len(made) == 2
  np.testing.assert_array_equal(prepared.sample(tokens, m_0, 3, options, ResolvedControls()), plain)
  assert len(made) == 2


def test_lips_are_scaled_about_the_neutral_face(sampler):
  tokens = jax.random.normal(jax.random.key(1), (1, 12, 32))
  m_0 = jax.numpy.zeros((1, sampler.motion_dim))

  def drawn(lip_scale):
    options = SamplingOptions(motion_steps=2, lip_scale=lip_scale)
    return sampler.sample(tokens, m_0, 0, options, ResolvedControls())

  plain, scaled = drawn(1.0), drawn(1.5)
  subspace = np.asarray(sampler._release.params['lip_refiner']['subspace'])
  neutral = sampler.motion_of(dict.fromkeys(MOTION_FIELDS, np.zeros(1)))
  np.testing.assert_allclose((scaled - neutral) @ subspace, 1.5 * (plain - neutral) @ subspace, atol=1e-4)
  moved = (scaled - plain) - (scaled - plain) @ subspace @ subspace.T
  np.testing.assert_allclose(moved, 0, atol=1e-4)


def test_the_same_lips_change_nothing(sampler):
  motion = np.random.default_rng(0).normal(size=(5, 256)).astype(np.float32)
  np.testing.assert_array_equal(sampler.with_lips(motion, motion), motion)


def test_only_lips_are_taken(sampler, monkeypatch):
  # An exact codec: latents are the motion vectors themselves.
  monkeypatch.setattr(sampler, '_convert', lambda method, values: np.asarray(values))
  rng = np.random.default_rng(0)
  motion, speaking = rng.normal(size=(2, 5, 58)).astype(np.float32)
  made = sampler.with_lips(motion, speaking)
  lips = np.array(LIPS)
  others = np.setdiff1d(np.arange(58), lips)
  np.testing.assert_allclose(made[:, lips], speaking[:, lips], atol=1e-5)
  np.testing.assert_allclose(made[:, others], motion[:, others], atol=1e-6)


def test_a_video_is_read_in_order(sampler):
  frames = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3)).astype(np.uint8)
  asked, done = [], []
  motion = sampler.read(frames)
  made = sampler.dub(lambda i: asked.append(i) or frames[i], motion, done.append)
  assert asked == list(range(20)) and done == [16, 20]
  np.testing.assert_allclose(made, motion, atol=1e-4)


def test_a_codec_without_motion_vectors_exchanges_no_lips(tmp_path):
  made = storage.load_networks(tiny_release.shared(), only=['motion_codec'])
  folder = storage.save_release(tmp_path / 'release', made, {**made.statistics, TRUTH_KNOWN: np.float32(0)})
  sampler = motion_sampler.MotionSampler(LoadedRelease.load(folder, 'cpu'))
  latents = np.zeros((2, 256), np.float32)
  for use in (sampler.need_motion_vectors, lambda: sampler.with_lips(latents, latents)):
    with pytest.raises(CheckpointError, match='trained without motion vectors'):
      use()


def test_motion_vectors_of_any_length_take_one_program(sampler):
  motion = np.random.default_rng(0).normal(size=(motion_sampler.CONVERTED_ROWS + 7, 256)).astype(np.float32)
  whole = sampler.controls_of(motion)
  latents = sampler.motion_of(whole)
  for n in (1, 7, len(motion) - 1):
    part = sampler.controls_of(motion[-n:])
    for name, values in whole.items():
      np.testing.assert_allclose(part[name], values[-n:], atol=1e-6)
    np.testing.assert_allclose(sampler.motion_of(part), latents[-n:], atol=1e-5)
  for method in ('read_truth', 'encode_truth'):
    assert sampler._converter(method)._cache_size() == 1


def test_lips_of_next_frames_are_those_of_the_whole_window():
  """The refined chunk is cut from its window with the neighbors that its lips depend on."""
  live = motion_sampler.MotionSampler(tiny_release.load(tiny_release.live()).release)
  rng = np.random.default_rng(1)
  tokens, past = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 40, 32), (1, 20, 256)))
  m_0, options = np.zeros((1, 256), np.float32), SamplingOptions(motion_steps=2, lip_scale=1.3)
  how = dict(chunk=8, lookahead=12, first_frame=0, num_given=3)
  found = live.sample_next(tokens, past, m_0, 0, options, ResolvedControls(), **how)
  whole = live._refined(found.track, tokens, options)
  assert found.motion.shape == (1, 8, 256)
  np.testing.assert_allclose(found.motion, whole[:, 20:28], atol=1e-5)
  assert np.abs(found.motion - found.track[:, 20:28]).max() > 1e-3


def test_next_frames_begin_with_what_was_expected_of_them():
  live = motion_sampler.MotionSampler(tiny_release.load(tiny_release.live()).release)
  rng = np.random.default_rng(1)
  tokens, past, expected = (
    rng.standard_normal((1, *shape)).astype(np.float32) for shape in ((40, 32), (20, 256), (12, 256))
  )
  how = dict(chunk=8, lookahead=12, first_frame=0, num_given=3)
  given = tokens, past, np.zeros((1, 256), np.float32), 0, SamplingOptions(motion_steps=2), ResolvedControls()
  new = live.sample_next(*given, **how).track[:, 20:]
  track = live.sample_next(*given, **how, expected=expected).track[:, 20:]
  shares = np.array([0.8, 0.6, 0.4, 0.2])[:, None]
  np.testing.assert_allclose(track[:, :4], shares * expected[:, :4] + (1 - shares) * new[:, :4], atol=1e-5)
  np.testing.assert_array_equal(track[:, 4:], new[:, 4:])


def test_only_the_last_given_frames_decide_the_next_ones():
  """The motion transformer reads three frames of the past; the lip refiner reads more."""
  live = motion_sampler.MotionSampler(tiny_release.load(tiny_release.live()).release)
  rng = np.random.default_rng(1)
  tokens, past, other = (
    rng.standard_normal((1, *shape)).astype(np.float32) for shape in ((40, 32), (20, 256), (20, 256))
  )
  how = dict(chunk=8, lookahead=12, first_frame=0, num_given=3)
  m_0, options = np.zeros((1, 256), np.float32), SamplingOptions(motion_steps=2)
  found = live.sample_next(tokens, past, m_0, 0, options, ResolvedControls(), **how)
  np.testing.assert_array_equal(found.track[:, :20], past)
  for first, same in ((17, True), (18, False)):
    mixed = np.concatenate([other[:, :first], past[:, first:]], axis=1)
    track = live.sample_next(tokens, mixed, m_0, 0, options, ResolvedControls(), **how).track
    assert np.array_equal(track[:, 20:], found.track[:, 20:]) == same
