"""Stable Diffusion's autoencoder: converted from random weights, its outputs equal those of diffusers."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from in_memory import convert

pytestmark = pytest.mark.parity

SIZES = {
  'two levels': dict(block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8),
  'four levels': dict(block_out_channels=(32, 32, 64, 64), layers_per_block=2, norm_num_groups=8),
}


@pytest.fixture(params=SIZES, scope='module')
def pair(request, tmp_path_factory):
  """(reference model, our autoencoder, its parameters)."""
  torch, diffusers = pytest.importorskip('torch'), pytest.importorskip('diffusers')
  fields = SIZES[request.param]
  levels = len(fields['block_out_channels'])
  torch.manual_seed(0)
  reference = diffusers.AutoencoderKL(
    **fields,
    down_block_types=('DownEncoderBlock2D',) * levels,
    up_block_types=('UpDecoderBlock2D',) * levels,
    latent_channels=4,
    sample_size=32,
  ).eval()
  with torch.no_grad():
    for parameter in reference.parameters():
      parameter.add_(0.05 * torch.randn(parameter.shape))
  folder = tmp_path_factory.mktemp('vae')
  torch.save(reference.state_dict(), folder / 'diffusion_pytorch_model.bin')  # the pickle file format
  (folder / 'config.json').write_text(json.dumps(dict(reference.config), default=list))
  converted = convert('sd-vae', folder)
  return reference, converted.module, converted.params


@pytest.mark.parametrize('height, width', [(64, 64), (40, 72)])
def test_latents_and_pictures_are_the_reference_s(pair, height, width):
  import torch

  reference, module, params = pair
  image = np.random.default_rng(0).uniform(-1, 1, (2, height, width, 3)).astype(np.float32)
  mean, log_variance = jax.jit(lambda x: module.apply({'params': params}, x, method='encode'))(image)
  with torch.no_grad():
    posterior = reference.encode(torch.from_numpy(image).permute(0, 3, 1, 2)).latent_dist
    picture = reference.decode(posterior.mean).sample.permute(0, 2, 3, 1).numpy()
  np.testing.assert_allclose(mean, posterior.mean.permute(0, 2, 3, 1), atol=1e-4)
  np.testing.assert_allclose(log_variance, posterior.logvar.permute(0, 2, 3, 1), atol=1e-4)
  z = posterior.mean.permute(0, 2, 3, 1).numpy()
  ours = jax.jit(lambda z: module.apply({'params': params}, z, method='decode'))(z)
  np.testing.assert_allclose(ours, picture, atol=1e-4)


def test_the_gradient_of_the_picture_is_the_reference_s(pair):
  import torch

  reference, module, params = pair
  rng = np.random.default_rng(1)
  image, weights = (rng.standard_normal((1, 32, 32, 3)).astype(np.float32) for _ in range(2))

  def ours(x):
    mean, _ = module.apply({'params': params}, x, method='encode')
    return jnp.sum(weights * module.apply({'params': params}, mean, method='decode'))

  gradient = jax.jit(jax.grad(ours))(image)
  given = torch.from_numpy(image).requires_grad_()
  latent = reference.encode(given.permute(0, 3, 1, 2)).latent_dist.mean
  (torch.from_numpy(weights) * reference.decode(latent).sample.permute(0, 2, 3, 1)).sum().backward()
  theirs = given.grad.numpy()
  assert np.linalg.norm(gradient - theirs) <= 1e-3 * np.linalg.norm(theirs)
