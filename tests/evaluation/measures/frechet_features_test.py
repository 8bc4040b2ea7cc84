"""Features for FID and FVD: streams in batches of one shape, windows of videos, FVD sees the order of frames.

The networks are tiny and random: the properties need no trained features, and the values are neither FID nor FVD.
"""

import jax
import numpy as np
import pytest
from random_networks import random_network

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.measures import frechet, frechet_features
from seetalk_jax.models.critics import i3d as i3d_module
from seetalk_jax.models.nn import image_ops


@pytest.fixture(scope='module')
def inception():
  return random_network('inception')


@pytest.fixture(scope='module')
def i3d():
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(i3d_module, 'IMAGE_SIDE', 64)  # a twelfth of the time
    yield random_network('i3d')
  frechet_features._compiled.cache_clear()


def test_features_of_pictures_whatever_their_chunks(inception):
  network, params = inception
  frames = np.random.default_rng(0).integers(0, 256, (7, 32, 40, 3), dtype=np.uint8)
  wanted = jax.jit(network.apply)({'params': params}, image_ops.to_float(frames))
  frechet_features._compiled.cache_clear()
  for cuts in ([], [1, 2, 6]):
    found = [*frechet_features.inception_features(network, params, np.split(frames, cuts), batch_size=3)]
    assert [len(part) for part in found] == [3, 3, 1]
    np.testing.assert_allclose(np.concatenate(found), wanted, rtol=1e-4, atol=1e-6)
  assert frechet_features._compiled(network)._cache_size() == 1


def test_windows_of_a_video_whatever_its_chunks():
  frames = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((2, 2, 3), np.uint8)
  for cuts in ([], [1, 17, 39]):
    found = np.stack([*frechet_features.windows(np.split(frames, cuts))])
    np.testing.assert_array_equal(found[:, :, 0, 0, 0], np.arange(32).reshape(2, 16))
  # A chunk is read when it is needed, not before.
  read = []
  chunks = (read.append(i) or frames[16 * i : 16 * (i + 1)] for i in range(2))
  next(frechet_features.windows(chunks))
  assert read == [0]


def moving_squares(rng, count=12):
  """Clips uint8 `[16, 32, 32, 3]` of a bright square that moves steadily."""
  for _ in range(count):
    clip = np.full((16, 32, 32, 3), rng.integers(0, 60), np.uint8)
    start, speed = rng.uniform(0, 6, 2), rng.uniform(0.5, 1.2, 2)
    for i, frame in enumerate(clip):
      y, x = (start + speed * i).astype(int)
      frame[y : y + 8, x : x + 8] = 220
    yield clip


def test_fvd_rises_when_frames_are_shuffled(i3d):
  network, params = i3d

  def statistics(clips):
    return frechet.GaussianStatistics.of(frechet_features.i3d_features(network, params, clips))

  truth = statistics(moving_squares(np.random.default_rng(1)))
  others = [*moving_squares(np.random.default_rng(2))]
  order = np.random.default_rng(3)
  shuffled = [clip[order.permutation(16)] for clip in others]
  assert truth.count == 12
  ordered, disordered = (frechet.frechet_distance(truth, statistics(c)) for c in (others, shuffled))
  assert disordered > 2 * ordered > 0


def test_clips_are_cut_into_windows(i3d):
  network, params = i3d
  frames = np.random.default_rng(4).integers(0, 256, (35, 32, 32, 3), dtype=np.uint8)
  (found,) = frechet_features.i3d_features(network, params, [frames, frames[16:33]])
  assert found.shape == (3, network.num_classes) and found.dtype == np.float32
  np.testing.assert_allclose(found[1], found[2], rtol=1e-5)  # the same window
  assert np.abs(found[1] - found[0]).max() > 1e-4


def test_what_does_not_work_is_named(inception, i3d):
  frames = np.zeros((20, 8, 8, 3), np.uint8)
  with pytest.raises(InputError, match='a video of 15 frames, FVD'):
    list(frechet_features.i3d_features(*i3d, [frames[:15]]))
  with pytest.raises(ValueError, match=r'one size, got \(8, 8, 3\) and \(8, 6, 3\)'):
    list(frechet_features.inception_features(*inception, [frames[:2], frames[:, :, :6]]))
  with pytest.raises(ValueError, match=r'one size, got \(16, 8, 8, 3\) and \(16, 8, 6, 3\)'):
    list(frechet_features.i3d_features(*i3d, [frames, frames[:, :, :6]]))
  for bad in (frames[0], frames / 255.0, frames[..., :1]):
    with pytest.raises(ValueError, match=r'uint8 \[t, h, w, 3\], got'):
      list(frechet_features.inception_features(*inception, [bad]))
