"""Lips against look-ahead: the right frames are compared, and speech after the look-ahead has no effect."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.constants import LIPS, MOTION_DIM
from seetalk_jax.evaluation.measures import lookahead
from seetalk_jax.models.motion.motion_transformer import MotionTransformer

STATISTICS = {
  'motion_mean': np.zeros(MOTION_DIM, np.float32),
  'motion_std': np.ones(MOTION_DIM, np.float32),
  'motion_window': np.float32(20),
}


class Codec:
  """A codec whose latents are the motion vectors."""

  motion_scales = np.full(MOTION_DIM, 2.0, np.float32)

  def apply(self, variables, x, method):
    return x


class Encoder:
  """A speech encoder whose tokens are the means of the samples of their frames, until the end of the speech."""

  def apply(self, variables, speech, num_samples, method):
    inside = jnp.arange(speech.shape[1]) < num_samples[:, None]
    frames = jnp.where(inside, speech, 0.0).reshape(1, -1, 640)
    return frames.mean(-1)[..., None], None


class Follower:
  """A motion transformer whose lips are the mean of the speech of a frame and of the `reach` ones after it."""

  prediction_type = MotionTransformer.prediction_type

  def __init__(self, reach, with_past=True):
    self.reach, self.with_past = reach, with_past

  def apply(self, variables, xt, t, tokens, m_0, valid, drop, given=None):
    padded = jnp.pad(tokens, ((0, 0), (0, self.reach), (0, 0)))
    count = self.reach + 1
    mean = sum(padded[:, i : i + tokens.shape[1]] for i in range(count)) / count
    return jnp.broadcast_to(mean, xt.shape)


def measured(reach, talks, **options):
  modules = {
    'motion_codec': Codec(),
    'speech_encoder': Encoder(),
    'motion_transformer': Follower(reach, **options),
  }
  params = dict.fromkeys(modules, {})
  return lookahead.lips_by_lookahead(
    modules, params, STATISTICS, talks, (2, 8), chunk=3, stride=7, num_steps=2
  )


def talk(reach, n=40):
  level = np.random.default_rng(0).uniform(-1, 1, n).astype(np.float32)
  ahead = np.pad(level, (0, reach))
  lips = np.mean([ahead[i : i + n] for i in range(reach + 1)], axis=0)
  motion = np.zeros((n, MOTION_DIM), np.float32)
  motion[:, np.array(LIPS)] = lips[:, None]
  return np.repeat(level, 640), motion


@pytest.mark.parametrize('with_past', [True, False])
def test_lips_that_need_more_speech_than_the_look_ahead_are_wrong(with_past):
  near, far = (measured(reach, [talk(reach), talk(reach)], with_past=with_past) for reach in (2, 6))
  assert [lips.lookahead for lips in near] == [2, 8] and {lips.frames for lips in near} == {2 * 4 * 3}
  for lips in (*near, far[1]):
    assert lips.error < 1e-4 and lips.opening > 0.999
  level, frames = np.pad(talk(6)[0][::640], (0, 6)), [b + i for b in (6, 13, 20, 27) for i in (-3, -2, -1)]
  ends = np.repeat([8, 15, 22, 29], 3)  # two frames after each boundary
  cut = [level[i : min(i + 7, end)].sum() / 7 for i, end in zip(frames, ends, strict=True)]
  true = talk(6)[1][frames, LIPS[0]]
  np.testing.assert_allclose(far[0].error, np.abs(cut - true).mean() / 2, rtol=1e-3)
  np.testing.assert_allclose(far[0].opening, np.corrcoef(cut, true)[0, 1], rtol=1e-3)


def test_errors_are_in_units_of_the_scales():
  speech, motion = talk(2)
  motion = motion + 0.5
  assert abs(measured(2, [(speech, motion)])[0].error - 0.25) < 1e-4


def test_talks_and_windows_that_do_not_fit_are_refused():
  with pytest.raises(ValueError, match='talk 0 has 13 frames: give 14 or more'):
    measured(2, [talk(2, 13)])
  with pytest.raises(ValueError, match='exceed a window of 20'):
    lookahead.lips_by_lookahead({}, {}, STATISTICS, [], (18,), chunk=3)
