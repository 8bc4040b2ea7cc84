"""Cuts of tracks in training: their ranges, their shares, and options that do not fit."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import lookahead


def drawn(length, *rates, count=4000):
  return jax.tree.map(np.asarray, lookahead.draw(jax.random.key(0), jnp.full(count, length), *rates))


def test_cuts_have_their_ranges_and_shares():
  cuts = drawn(100, 0.5, 0.25)
  assert 0.45 < cuts.limited.mean() < 0.55 and 0.2 < (cuts.past > 0).mean() < 0.3
  assert (cuts.past >= 0).all() and cuts.past.max() == 90
  ahead = cuts.end - cuts.boundary
  assert (cuts.end[~cuts.limited] == 100).all() and (ahead[~cuts.limited] == 0).all()
  assert ahead[cuts.limited].min() == lookahead.LEAST and ahead.max() > 80
  # Short ones are as frequent as long ones: half of the tracks without a past are below the geometric mean.
  short = ahead[cuts.limited & (cuts.past == 0)] < np.sqrt(5 * 95)
  assert 0.4 < short.mean() < 0.6
  assert ((cuts.boundary - cuts.past) >= lookahead.LEAST).all() and cuts.end.max() == 100
  assert cuts.num_samples(64_000)[cuts.limited].max() <= 64_000
  np.testing.assert_array_equal(cuts.num_samples(64_000)[~cuts.limited], 64_000)


def test_tracks_that_are_too_short_are_not_cut():
  cuts = drawn(lookahead.SHORTEST - 1, 1.0, 1.0, count=50)
  assert not cuts.limited.any() and not cuts.past.any() and (cuts.boundary == 9).all()
  shortest = drawn(lookahead.SHORTEST, 1.0, 1.0, count=50)
  assert shortest.limited.all() and (shortest.boundary == 5).all() and (shortest.end == 10).all()


def test_masks_are_of_the_cuts():
  one = lookahead.Cuts(*(np.array([x]) for x in (2, 4, 7, True))).repeated(2)
  assert one.given(8).tolist() == [[True] * 2 + [False] * 6] * 2
  assert one.counted(8).tolist() == [[0, 0, 1, 1, 0, 0, 0, 0]] * 2
  assert one.num_samples(9 * 640).tolist() == [7 * 640] * 2


def test_options_that_do_not_fit_are_one_line():
  config = ml_collections.ConfigDict({'data': {'cached_samples': 0}})
  lookahead.check('motion', config, 1.0, 10, 1.0)
  with pytest.raises(ConfigError, match='lookahead_rate=1.5 of stage motion is a share'):
    lookahead.check('motion', config, 1.5, 100)
  with pytest.raises(ConfigError, match='10 frames or more, and these have 9'):
    lookahead.check('motion', config, 0.0, 9, 0.5)
  config.data.cached_samples = 64
  lookahead.check('motion', config, 0.0, 100, 0.5)
  with pytest.raises(
    ConfigError, match='lookahead_rate=0.5 .*cached_samples keeps tokens .* set one of them to 0'
  ):
    lookahead.check('motion', config, 0.5, 100)
