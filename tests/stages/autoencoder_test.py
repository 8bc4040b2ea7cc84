"""Autoencoder stage: a learned batch, preview."""

import dataclasses

import jax
import numpy as np
import pytest
from stage1_training import batch_of, losses
from tiny_stages import SIZE, config_of

from seetalk_jax.models import registry
from seetalk_jax.stages import base


@pytest.mark.parametrize('options', [{}, {'crop_size': 32, 'head_weight': 1.0}, {'latent_noise': 0.2}])
def test_autoencoder_learns_a_batch(options):
  stage = base.build_stage(config_of('autoencoder', ['autoencoder'], image_size=SIZE, **options), {})
  assert ('parts' in stage.batch_spec(1)) == ('head_weight' not in options)
  batch = batch_of(stage, 2)
  batch['image'] = np.repeat(np.repeat(batch['image'][:, ::16, ::16], 16, 1), 16, 2)  # learnable content
  history, params = losses(stage, base.Frozen(), batch, 15)
  assert history[-1]['l1'] < 0.9 * history[0]['l1']
  assert stage.preview(params, base.Frozen(), {}, batch, None).shape == (
    len(stage.preview_rows) * SIZE,
    2 * SIZE,
    3,
  )


def test_the_decoder_trains_alone_and_crops_keep_whole_latents():
  stage = base.build_stage(config_of('autoencoder', ['autoencoder'], image_size=SIZE, keep_encoder=True), {})
  params, _ = stage.init(jax.random.key(0), base.Frozen())
  trained = stage.trainable(params)['autoencoder']
  assert not any(jax.tree.leaves(trained['encoder'])) and all(jax.tree.leaves(trained['decoder']))
  assert all(jax.tree.leaves(dataclasses.replace(stage, keep_encoder=False).trainable(params)))
  assert stage.crop_multiple == stage.networks['autoencoder'].factor


def test_noise_on_latents_reaches_the_decoder_alone():
  def run(noise):
    options = dict(image_size=SIZE, latent_noise=noise, keep_encoder=True)
    stage = base.build_stage(config_of('autoencoder', ['autoencoder'], **options), {})
    # The transform of this network rebuilds pictures before any training.
    network = registry.make('autoencoder', 'tiny', cosine_shortcut=True)
    stage = dataclasses.replace(stage, networks={'autoencoder': network})
    params, _ = stage.init(jax.random.key(0), base.Frozen())
    batch = batch_of(stage, 4)
    _, (metrics, _) = jax.jit(stage.loss)(params, base.Frozen(), {}, batch, jax.random.key(1), 0)
    return metrics

  none, some, much = run(0.0), run(0.5), run(8.0)
  assert none['latent_std'] == some['latent_std'] == much['latent_std'] and none['kl'] == much['kl']
  np.testing.assert_allclose(none['l1'], run(1e-6)['l1'], rtol=0.05)
  assert none['psnr'] > some['psnr'] > much['psnr']
