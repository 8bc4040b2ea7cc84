"""Stable Diffusion's UNet: converted from random weights, its outputs equal those of diffusers."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from in_memory import convert

from seetalk_jax.convert.unet import FRESH
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks

SMALL = dict(block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8, cross_attention_dim=24)
CASES = {
  # convolutional projections and a fixed number of heads, as in Stable Diffusion 1.x
  'first': SMALL | dict(attention_head_dim=4, down=(True, False)),
  # linear projections and heads of a fixed width, as in 2.x
  'second': SMALL
  | dict(
    block_out_channels=(32, 64, 64),
    layers_per_block=2,
    attention_head_dim=[2, 4, 4],
    use_linear_projection=True,
    down=(True, True, False),
  ),
}


@pytest.fixture(params=CASES, scope='module')
def pair(request, tmp_path_factory):
  """(reference model, our UNet without the voice layers, its parameters)."""
  torch, diffusers = pytest.importorskip('torch'), pytest.importorskip('diffusers')
  from safetensors.torch import save_file

  fields = dict(CASES[request.param])
  down = fields.pop('down')
  torch.manual_seed(0)
  reference = diffusers.UNet2DConditionModel(
    **fields,
    down_block_types=['CrossAttnDownBlock2D' if on else 'DownBlock2D' for on in down],
    up_block_types=['CrossAttnUpBlock2D' if on else 'UpBlock2D' for on in reversed(down)],
    sample_size=16,
  ).eval()
  with torch.no_grad():
    for parameter in reference.parameters():
      parameter.add_(0.05 * torch.randn(parameter.shape))
  folder = tmp_path_factory.mktemp('unet')
  save_file(reference.state_dict(), folder / 'diffusion_pytorch_model.safetensors')
  (folder / 'config.json').write_text(json.dumps(dict(reference.config), default=list))
  converted = convert('sd-unet', folder)
  assert converted.fresh == FRESH
  return reference, converted.module._unet(), converted.params


def inputs(seed, height, width):
  rng = np.random.default_rng(seed)
  latents = rng.standard_normal((2, height, width, 4)).astype(np.float32)
  context = rng.standard_normal((2, 7, 24)).astype(np.float32)
  return latents, np.array([999, 3]), context


@pytest.mark.parity
@pytest.mark.parametrize('height, width, masked', [(16, 16, False), (12, 20, True), (13, 7, False)])
def test_predictions_are_the_reference_s(pair, height, width, masked):
  import torch

  reference, module, params = pair
  latents, time, context = inputs(0, height, width)
  valid = np.arange(7)[None] < np.array([[7], [4]]) if masked else None
  with torch.no_grad():
    wanted = reference(
      torch.from_numpy(latents).permute(0, 3, 1, 2),
      torch.from_numpy(time),
      torch.from_numpy(context),
      encoder_attention_mask=None if valid is None else torch.from_numpy(valid),
    ).sample.permute(0, 2, 3, 1)
  found = jax.jit(module.apply)({'params': params}, latents, time, context, valid)
  np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parity
def test_the_gradient_of_the_latents_is_the_reference_s(pair):
  import torch

  reference, module, params = pair
  latents, time, context = inputs(1, 16, 16)
  weights = np.random.default_rng(2).standard_normal(latents.shape).astype(np.float32)

  def ours(x):
    return jnp.sum(weights * module.apply({'params': params}, x, time, context))

  gradient = jax.jit(jax.grad(ours))(latents)
  given = torch.from_numpy(latents).requires_grad_()
  out = reference(given.permute(0, 3, 1, 2), torch.from_numpy(time), torch.from_numpy(context)).sample
  (torch.from_numpy(weights) * out.permute(0, 2, 3, 1)).sum().backward()
  theirs = given.grad.numpy()
  assert np.linalg.norm(gradient - theirs) <= 1e-3 * np.linalg.norm(theirs)


def test_the_base_unet_has_stable_diffusion_s_parameters():
  portrait = registry.make('portrait_unet', 'base')
  spec = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((1, 64, 64, 4), (1,), (1, 77, 768))]
  unet = portrait._unet()
  params = jax.eval_shape(unet.init, jax.random.key(0), *spec)['params']
  assert blocks.count_params(params) == 859_520_964
  tokens, valid, embedding = jnp.zeros((1, 5, 768)), jnp.ones((1, 5), bool), jnp.zeros((1, 512))
  whole = jax.eval_shape(portrait.init, jax.random.key(0), *spec[:2], tokens, valid, embedding)['params']
  extra = set(whole) - set(params)
  assert {f'{name}/' for name in extra} == set(FRESH)  # all other names are equal
  same = {name: whole[name] for name in params}
  assert jax.tree.map(jnp.shape, same) == jax.tree.map(jnp.shape, dict(params))
