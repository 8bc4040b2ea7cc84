"""Fit to one person with tiny networks: it improves, stops when asked, keeps the best state, survives divergence."""

import threading

import numpy as np
import pytest

from seetalk_jax.adaptation import examples, fitting
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

SIDE = tiny_release.SIDE
OPTIONS = fitting.FitOptions(minutes=60, max_steps=12, rank=2, batch_size=2, factor_rate=2e-2, checks=3)


@pytest.fixture(scope='module')
def networks():
  return storage.load_networks(tiny_release.shared())


@pytest.fixture(scope='module')
def frames():
  rng = np.random.default_rng(0)
  y, x = np.mgrid[:SIDE, :SIDE] / SIDE
  picture = np.stack([x, y, 0.5 * x + 0.5 * y], axis=-1)
  pixels = np.stack([np.roll(picture, shift, axis=1) for shift in range(4)])
  return examples.Examples(
    pixels=np.rint(255 * pixels).astype(np.uint8),
    motion=rng.normal(size=(4, 256)).astype(np.float32),
    inside=np.ones((4, SIDE, SIDE), bool),
    free=np.ones(4, bool),
    groups=(examples.Group(np.arange(4), np.arange(0)),),
  )


def run(networks, frames, options=OPTIONS, **others):
  return fitting.fit(networks.modules, networks.params, networks.collections, frames, options, **others)


def loss_of(networks, frames, params):
  """Loss of parameters on fixed pairs, without factors and changes of the latents."""
  fit = fitting._Run(networks.modules, params, networks.collections, frames, OPTIONS)
  return fit.step(0.5)


def test_the_fit_improves_and_changes_only_its_parts(networks, frames):
  reports = []
  fitted = run(networks, frames, progress=lambda *report: reports.append(report))
  assert fitted.num_steps == fitted.best_step == 12 and not fitted.stopped and len(reports) == 12
  assert loss_of(networks, frames, fitted.params) < loss_of(networks, frames, networks.params)
  for name, tree in networks.params.items():
    if name not in ('motion_codec', 'hr_decoder'):
      assert fitted.params[name] is tree
  encoder = fitted.params['motion_codec']['motion_encoder']['to_motion']['kernel']
  np.testing.assert_array_equal(
    encoder, networks.params['motion_codec']['motion_encoder']['to_motion']['kernel']
  )


def test_latents_are_fitted_first(networks, frames):
  fit = fitting._Run(networks.modules, networks.params, networks.collections, frames, OPTIONS)
  fit.step(0.0)
  assert np.abs(fit._trained['latents']).max() > 0
  assert all((np.asarray(leaf) == 0).all() for leaf in _second_factors(fit._trained['factors']))
  fit.step(0.5)
  assert any((np.asarray(leaf) != 0).any() for leaf in _second_factors(fit._trained['factors']))


def test_it_stops_when_asked(networks, frames):
  stop = threading.Event()
  fitted = run(networks, frames, progress=lambda *_: stop.set(), stop=stop)
  assert fitted.num_steps == 1 and fitted.stopped
  assert run(networks, frames, stop=stop).num_steps == 0


def test_the_best_state_is_kept(networks, frames):
  scores = iter([1.0, 3.0, 2.0, 2.5, 0.0, 0.0])
  fitted = run(networks, frames, check=lambda params: next(scores))
  assert 0 < fitted.best_step < fitted.num_steps
  worse = iter([1.0, *10 * [0.0]])
  kept = run(networks, frames, check=lambda params: next(worse))
  assert kept.best_step == 0
  kernel = kept.params['hr_decoder']['mask']['kernel']
  np.testing.assert_array_equal(kernel, networks.params['hr_decoder']['mask']['kernel'])


def test_divergence_is_never_kept(networks, frames, monkeypatch):
  step, losses = fitting._Run.step, []

  def broken(self, share):
    losses.append(step(self, share))
    if len(losses) == 3:
      self._trained = {
        **self._trained,
        'factors': {name: _of(tree, np.nan) for name, tree in self._trained['factors'].items()},
      }
    return losses[-1]

  monkeypatch.setattr(fitting._Run, 'step', broken)
  fitted = run(networks, frames)
  assert fitted.num_steps == 3  # the fourth loss is not finite
  assert np.isfinite(np.asarray(fitted.params['hr_decoder']['mask']['kernel'])).all()


def test_the_face_weighs_more():
  weights = fitting.face_weights(256)
  assert weights.shape == (256, 256, 1) and set(np.unique(weights)) == {1.0, 3.0}
  assert weights[110, 128] == weights[200, 128] == 3 and weights[5, 128] == weights[250, 128] == 1
  assert weights[110, 10] == 1 and 0.15 < (weights == 3).mean() < 0.4


def _second_factors(tree):
  return [leaf for name, leaf in _leaves(tree) if name == 'lora_b']


def _leaves(tree):
  for name, value in tree.items():
    if isinstance(value, dict):
      yield from _leaves(value)
    else:
      yield name, value


def _of(tree, value):
  return {name: _of(leaf, value) if isinstance(leaf, dict) else leaf * value for name, leaf in tree.items()}
