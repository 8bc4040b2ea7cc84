"""Motion tracks in windows: one window is plain sampling, several leave no seams."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion import objective, samplers
from seetalk_jax.models import blocks
from seetalk_jax.models.lip_refiner import LipRefiner
from seetalk_jax.models.motion_transformer import MotionTransformer
from seetalk_jax.sampling import motion

DIM = 6


def pull(tokens):
  """A toy denoiser: the clean track is a filter of the tokens of its own window, and knows no other."""
  padded = jnp.pad(tokens, ((0, 0), (2, 2), (0, 0)), mode='edge')
  return sum(padded[:, i : i + tokens.shape[1]] for i in range(5)) / 5


def denoise(xt, t, tokens, valid):
  x0 = pull(tokens)
  signal, sigma = motion.SCHEDULE.scales(t, xt.ndim)
  noise = (xt - signal * x0) / jnp.maximum(sigma, 1e-3)
  return objective.target(motion.PREDICTION_TYPE, motion.SCHEDULE, x0, noise, t)


def make(length, seed=0):
  time = np.arange(length)[:, None] / 10 + np.arange(DIM)
  return jnp.asarray(np.sin(time), jnp.float32), jax.random.normal(jax.random.key(seed), (length, DIM))


def test_weights_sum_to_one_everywhere():
  for length, window, overlap in ((100, 100, 25), (175, 100, 25), (29, 11, 2), (24, 8, 0), (16, 8, 4)):
    index = motion.window_index(length, window, overlap)
    weights = motion.window_weights(length, window, overlap)
    total = np.zeros(length)
    np.add.at(total, index, weights)
    np.testing.assert_allclose(total, 1, atol=1e-6)
  for wrong in ((101, 100, 25), (20, 8, 5), (50, 100, 25)):
    with pytest.raises(ValueError):
      motion.window_index(*wrong)


def test_single_window_is_plain_sampling():
  tokens, noise = make(20)
  found = motion.sample_windows(denoise, tokens, noise, 20, num_steps=5, window=20, overlap=4)
  plain = samplers.sample(
    lambda xt, t: denoise(xt, t, tokens[None], None),
    motion.SCHEDULE,
    noise[None],
    num_steps=5,
    prediction_type=motion.PREDICTION_TYPE,
    clip=lambda x0: jnp.clip(x0, -motion.CLIP, motion.CLIP),
  )[0]
  np.testing.assert_allclose(found, plain, atol=1e-5)


def test_windows_leave_no_seams():
  tokens, noise = make(4 + 5 * 16)
  windows = motion.sample_windows(denoise, tokens, noise, 84, num_steps=6, window=20, overlap=4)
  whole = motion.sample_windows(denoise, tokens, noise, 84, num_steps=6, window=84, overlap=4)
  # A window knows nothing beyond its end: there the filter differs a little, and blending hides most of it.
  assert jnp.abs(windows - whole).max() < 0.06
  steps, expected = (jnp.abs(x[1:] - x[:-1]).max() for x in (windows, whole))
  assert steps < 1.3 * expected


def test_window_counts_are_few_and_cover():
  counts = {motion.padded_window_count(n) for n in range(1, 2000)}
  assert len(counts) <= 10
  for n in (1, 99, 100, 101, 175, 176, 1000, 1999, 90_000):
    count = motion.padded_window_count(n)
    assert motion.OVERLAP + count * (motion.WINDOW - motion.OVERLAP) >= n
  assert motion.padded_window_count(100) == 1 and motion.padded_window_count(101) == 2


@pytest.fixture(scope='module')
def networks():
  transformer, refiner = MotionTransformer.build('tiny'), LipRefiner.build('tiny')
  m, tokens = jnp.zeros((1, 4, 256)), jnp.zeros((1, 4, 32))
  params = {
    'motion_transformer': blocks.init_params(
      transformer, jax.random.key(0), m, jnp.zeros((1,)), tokens, m[:, 0], drop=jnp.zeros((1,), bool)
    ),
    'lip_refiner': blocks.init_params(refiner, jax.random.key(1), m, tokens),
  }
  rng = np.random.default_rng(0)
  params['motion_transformer'] = jax.tree.map(
    lambda a: a + 0.05 * rng.standard_normal(a.shape).astype(np.float32), params['motion_transformer']
  )
  return {'motion_transformer': transformer, 'lip_refiner': refiner}, params


def test_tracks_are_deterministic_and_of_the_speech_s_length(networks):
  modules, params = networks
  statistics = {'motion_mean': np.full(256, 2.0, np.float32), 'motion_std': np.full(256, 0.5, np.float32)}
  tokens = jax.random.normal(jax.random.key(2), (1, 30, 32))

  def draw(tokens, seed=0, guidance=1.0):
    return motion.sample_motion(
      modules,
      params,
      statistics,
      tokens,
      jnp.ones((1, 256)),
      jax.random.key(seed),
      num_steps=2,
      guidance_scale=guidance,
      window=16,
      overlap=4,
    )

  first = draw(tokens)
  assert first.shape == (1, 30, 256) and np.isfinite(first).all()
  assert abs(float(jnp.mean(first)) - 2) < 0.5
  np.testing.assert_array_equal(first, draw(tokens))
  assert jnp.abs(first - draw(tokens, seed=1)).max() > 0.1
  assert jnp.abs(first - draw(tokens, guidance=3.0)).max() > 1e-4
  # 29 frames take as many windows: what is beyond the end is not seen.
  np.testing.assert_allclose(draw(tokens.at[:, 29].add(9.0)[:, :29]), draw(tokens[:, :29]), atol=1e-5)


def test_refined_track_keeps_its_length(networks):
  modules, params = networks
  track, tokens = jnp.ones((1, 130, 256)), jnp.ones((1, 130, 32))
  np.testing.assert_allclose(motion.refine_lips(modules, params, track, tokens), track, atol=1e-6)
