"""Fit to one person with tiny networks: it improves, stops when asked, keeps the best state, survives divergence."""

import dataclasses
import functools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.adaptation import examples, fitting
from seetalk_jax.constants import Part
from seetalk_jax.models.nn import image_ops
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release
from tests.helpers import plain_face

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
    inside=np.ones((4, SIDE, SIDE), bool),
    landmarks=plain_face.landmarks() + np.arange(4, dtype=np.float32)[:, None, None] * (1 / SIDE, 0),
    motion=rng.uniform(0, 0.2, (4, 58)).astype(np.float32),
    measured=np.ones(4, bool),
    parts=np.full((4, SIDE // 4, SIDE // 4), Part.SKIN, np.uint8),
    groups=(examples.Group(np.arange(4), np.arange(0)),),
  )


def run(networks, frames, options=OPTIONS, **others):
  return fitting.fit(networks.modules, networks.params, networks.collections, frames, options, **others)


def loss_of(networks, frames, params):
  """Loss of parameters on fixed pairs, without factors."""
  fit = fitting._Run(networks.modules, params, networks.collections, frames, OPTIONS)
  return fit.step(0.9)


@pytest.mark.slow
def test_the_fit_improves_and_changes_only_its_parts(networks, frames):
  reports = []
  fitted = run(networks, frames, progress=lambda *report: reports.append(report))
  assert fitted.num_steps == fitted.best_step == 12 and not fitted.stopped and len(reports) == 12
  assert loss_of(networks, frames, fitted.params) < loss_of(networks, frames, networks.params)
  for name, tree in networks.params.items():
    if name not in ('motion_codec', 'hr_decoder'):
      assert fitted.params[name] is tree
  # Motions mean the same after the fit: what encodes and decodes them stays.
  for part in ('truth_encoder', 'truth_reader', 'warper', 'decoder'):
    leaves = zip(
      *(jax.tree.leaves(params['motion_codec'][part]) for params in (fitted.params, networks.params)),
      strict=True,
    )
    assert all(np.array_equal(a, b) for a, b in leaves), part
  assert changes(fitted.params, networks.params, 'motion_encoder', 'to_motion')
  assert changes(fitted.params, networks.params, 'motion_modes', 'modes')


@pytest.mark.slow
def test_geometry_is_fitted_before_the_decoder(networks, frames):
  fit = fitting._Run(networks.modules, networks.params, networks.collections, frames, OPTIONS)
  for _ in range(3):  # a pair of equal frames teaches no flow
    fit.step(0.0)
  assert not any(np.asarray(leaf).any() for leaf in second_factors(fit._trained['decoder']))
  parts = fit._trained['geometry']['motion_codec']
  for part in ('motion_encoder', 'identity_encoder', 'motion_modes'):
    assert all(np.asarray(leaf).any() for leaf in second_factors(parts[part])), part
  fit.step(0.9)
  assert any(np.asarray(leaf).any() for leaf in second_factors(fit._trained['decoder']))


@pytest.mark.slow
def test_measured_motion_teaches_phi_m(networks, frames):
  codec, pixels = networks.modules['motion_codec'], image_ops.to_float(jnp.asarray(frames.pixels))

  def distance(params):
    run = functools.partial(codec.apply, {'params': params['motion_codec']})
    return float(jnp.mean((run(pixels, method='motion') - run(frames.motion, method='encode_truth')) ** 2))

  options = dataclasses.replace(OPTIONS, geometry_share=1.0)
  taught, untaught = (
    distance(run(networks, frames, options, truth_known=known).params) for known in (True, False)
  )
  before = distance(networks.params)
  assert taught < 0.9 * before and taught < 0.9 * untaught


def test_it_stops_when_asked(networks, frames):
  stop = threading.Event()
  fitted = run(networks, frames, progress=lambda *_: stop.set(), stop=stop)
  assert fitted.num_steps == 1 and fitted.stopped
  assert run(networks, frames, stop=stop).num_steps == 0


@pytest.mark.slow
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
        'geometry': {name: _of(tree, np.nan) for name, tree in self._trained['geometry'].items()},
      }
    return losses[-1]

  monkeypatch.setattr(fitting._Run, 'step', broken)
  fitted = run(networks, frames)
  assert fitted.num_steps == 3  # the fourth loss is not finite
  assert np.isfinite(np.asarray(fitted.params['hr_decoder']['mask']['kernel'])).all()


def changes(params, before, *path):
  """Whether a kernel of the codec differs."""
  kernels = [
    functools.reduce(dict.__getitem__, path, tree['motion_codec'])['kernel'] for tree in (params, before)
  ]
  return not np.array_equal(*kernels)


def second_factors(tree):
  return [leaf for name, leaf in _leaves(tree) if name == 'lora_b']


def _leaves(tree):
  for name, value in tree.items():
    if isinstance(value, dict):
      yield from _leaves(value)
    else:
      yield name, value


def _of(tree, value):
  return {name: _of(leaf, value) if isinstance(leaf, dict) else leaf * value for name, leaf in tree.items()}
