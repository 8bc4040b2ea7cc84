"""Prototypes in the place of the mean face: groups are found, voices choose among them, portraits lean on them."""

import pathlib
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import blocks
from seetalk_jax.models.face_prior import FacePrior, projection_coefficient
from seetalk_jax.sampling.portrait import prior_of, sample_portraits
from seetalk_jax.stages import base
from seetalk_jax.stages.prototypes import k_means, prototype_statistics

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import prior_batches  # noqa: E402

LATENT, WIDTH = (4, 4, 2), 16


def groups(sizes=(30, 20, 10), noise=0.1):
  """(latents, voices, group of each): far from each other, the voices of a group near one axis; mixed order."""
  rng = np.random.default_rng(0)
  group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
  centres = 3 * rng.standard_normal((len(sizes), *LATENT))
  latents = centres[group] + noise * rng.standard_normal((len(group), *LATENT))
  voices = 2.0 * np.eye(WIDTH)[group] + noise * rng.standard_normal((len(group), WIDTH))
  return latents.astype(np.float32), voices.astype(np.float32), group


def test_prototypes_are_the_means_of_groups():
  latents, voices, group = groups()
  found = prototype_statistics(latents, 3, voices)
  for k in range(3):  # the largest comes first
    np.testing.assert_allclose(found['face_prior_prototypes'][k], latents[group == k].mean(0), atol=1e-5)
    unit = voices[group == k] / np.linalg.norm(voices[group == k], axis=1, keepdims=True)
    mean = unit.mean(0) / np.linalg.norm(unit.mean(0))
    np.testing.assert_allclose(found['face_prior_prototype_voices'][k], mean, atol=1e-5)
  again = prototype_statistics(latents, 3, voices)
  for name, value in found.items():
    np.testing.assert_array_equal(value, again[name])
    assert value.dtype == np.float32
  assert list(prototype_statistics(latents, 3)) == ['face_prior_prototypes']


def test_no_group_is_empty_and_one_is_the_mean():
  latents, _, _ = groups()
  flat = latents.reshape(len(latents), -1)
  np.testing.assert_allclose(k_means(flat, 1)[0][0], flat.mean(0), atol=1e-5)
  same = np.concatenate([np.zeros((5, 3)), np.ones((1, 3))]).astype(np.float32)  # two places, four groups
  centres, members = k_means(same, 4)
  assert set(members) == {0, 1, 2, 3}
  np.testing.assert_allclose(centres[members], same, atol=1e-6)
  np.testing.assert_array_equal(np.sort(k_means(flat, len(flat))[1]), np.arange(len(flat)))
  with pytest.raises(ValueError, match='6 rows cannot make 7'):
    k_means(same, 7)


def test_a_voice_gets_the_prototype_of_voices_like_it():
  latents, voices, group = groups()
  scalars = {'face_prior_mean': latents.mean(0), 'face_prior_std': latents.std(0)}
  plain = prior_of(scalars)
  statistics = {**scalars, **prototype_statistics(latents, 3, voices)}
  prior = prior_of(statistics)
  chosen = prior.mean_for(jnp.asarray(voices))
  np.testing.assert_allclose(chosen, statistics['face_prior_prototypes'][group], atol=0.01)
  between = prior.replace(prototype_temperature=jnp.float32(0.1)).mean_for(
    jnp.asarray(
      statistics['face_prior_prototype_voices'][:1] + statistics['face_prior_prototype_voices'][1:2]
    )
  )
  middle = statistics['face_prior_prototypes'][:2].mean(0)
  assert np.abs(between[0] - middle).max() < 0.05 * np.abs(middle - statistics['face_prior_mean']).max()
  # Each voice is held to its own prior; SAW goes on to see the mean of all.
  beta = projection_coefficient(0.7 * chosen, chosen)
  np.testing.assert_allclose(beta, np.full((len(voices), 1, 1, 1), 0.7), rtol=1e-5)
  np.testing.assert_array_equal(prior.pooled(), plain.pooled())
  # Voices that tell nothing are trusted less: they mix more faces.
  deaf = prototype_statistics(latents, 3, np.random.default_rng(1).standard_normal(voices.shape))
  assert deaf['face_prior_prototype_temperature'] > statistics['face_prior_prototype_temperature']


def test_without_prototypes_the_mean_is_the_mean():
  mean = jnp.arange(32.0).reshape(LATENT)
  for prior in (FacePrior(mean, mean), FacePrior(mean, mean, prototypes=jnp.zeros((2, *LATENT)))):
    np.testing.assert_array_equal(prior.mean_for(jnp.ones((3, WIDTH))), mean[None])


def config_of(stage, networks, **options):
  return ml_collections.ConfigDict(
    {'stage': stage, 'model': dict.fromkeys(networks, 'tiny'), 'options': options, 'init': {}}
  )


@pytest.fixture(scope='module')
def given():
  """Tiny frozen networks: modules, and their parameters."""
  modules = {name: base.make_network(name, 'tiny') for name in ('speech_encoder', 'autoencoder')}
  inputs = {'speech_encoder': jnp.zeros((1, 6400)), 'autoencoder': jnp.zeros((1, 32, 32, 3))}
  params = {
    name: blocks.init_params(modules[name], jax.random.key(i), x)
    for i, (name, x) in enumerate(inputs.items())
  }
  return modules, base.Frozen(params=params)


def passed(given, **options):
  """The stage and the statistics of a pass over two batches."""
  modules, frozen = given
  options = {'image_size': prior_batches.SIZE, 'component_portraits': 16, **options}
  stage = base.build_stage(config_of('face_prior', [], **options), modules)
  seen, update = stage.start(frozen), jax.jit(stage.update)
  for index in range(2):
    batch = prior_batches.one(index)
    batch['image'] = batch['portrait']  # its name where no voice is asked for
    seen = update(seen, frozen, {name: batch[name] for name in stage.batch_spec(8)})
  return stage, stage.finalize(seen)


def test_the_pass_finds_them_and_portraits_lean_on_them(given):
  modules, frozen = given
  stage, statistics = passed(given, prototypes=2, with_voice=True)
  assert statistics['face_prior_prototypes'].shape == (2, 8, 8, 4)
  assert statistics['face_prior_prototype_voices'].shape == (2, 512)
  # The two batches differ in brightness and contrast: they are the groups.
  picture = stage.preview({}, frozen.replace(statistics=statistics), {}, None, None)
  assert picture.shape == (prior_batches.SIZE, 3 * prior_batches.SIZE, 3)

  names = ['portrait_unet', 'sample_adaptive_weighting']
  portrait = base.build_stage(config_of('portrait', names, image_size=prior_batches.SIZE), modules)
  frozen = frozen.replace(
    statistics={**statistics, **portrait.prepare(frozen.replace(statistics=statistics), [])}
  )
  params, _ = jax.jit(lambda rng: nn.unbox(portrait.init(rng, frozen)))(jax.random.key(0))
  batch = {name: prior_batches.one(0)[name][:2] for name in portrait.batch_spec(2)}

  @jax.jit
  def both(params, frozen, batch):
    known = portrait.features(frozen, batch)
    grad = jax.value_and_grad(portrait.loss, has_aux=True)
    loss = grad(params, frozen, {}, batch, jax.random.key(0), 0)
    voice = (known['embedding'], known['tokens'], known['valid'])
    given = ({**portrait.networks, **modules}, {**frozen.params, **params}, frozen.statistics)
    return loss, sample_portraits(*given, *voice, jax.random.key(1), num_steps=2), known

  ((loss, (metrics, _)), gradient), drawn, known = both(params, frozen, batch)
  assert np.isfinite(loss) and all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
  prior = prior_of(frozen.statistics)
  latent = known['latent'] * statistics['latent_scale']
  wanted = projection_coefficient(latent, prior.mean_for(known['embedding']))
  np.testing.assert_allclose(metrics['beta_wanted_mean'], wanted.mean(), rtol=1e-4)
  assert abs(projection_coefficient(latent, prior.mean).mean() - wanted.mean()) > 1e-4
  assert drawn.image.shape == (2, 64, 64, 3) and np.isfinite(drawn.latent).all()


def test_one_prototype_is_the_mean(given):
  _, statistics = passed(given, prototypes=1)
  np.testing.assert_allclose(
    statistics['face_prior_prototypes'][0], statistics['face_prior_mean'], atol=1e-5, rtol=1e-5
  )
  assert 'face_prior_prototype_voices' not in statistics


def test_what_does_not_go_together_is_named(given):
  modules, _ = given
  with pytest.raises(ConfigError, match='exclude each other.*count twice'):
    base.build_stage(config_of('face_prior', [], prototypes=2, components=2), modules)
  with pytest.raises(ConfigError, match='directions or prototypes'):
    base.build_stage(config_of('face_prior', [], with_voice=True), modules)
  with pytest.raises(ConfigError, match='16 portraits cannot give 17 prototypes'):
    passed(given, prototypes=17)
