"""Motion of a video with the lips of other motion: the same lips change nothing, and lips alone change."""

import numpy as np
import pytest

from seetalk_jax.constants import LIPS
from seetalk_jax.inference.motion_sampler import MotionSampler
from seetalk_jax.testing import tiny_release


@pytest.fixture(scope='module')
def sampler():
  return MotionSampler(tiny_release.load(tiny_release.shared()).release)


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
