"""Face encoders at the paper's scale: published sizes, public parameter paths, strides and frozen norms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from tiny_networks import build

from seetalk_jax.models import FaceEncoder, registry
from seetalk_jax.models.face.iresnet import IResBlock, IResNet
from seetalk_jax.models.nn import blocks, image_ops
from seetalk_jax.releases import network_spec

SMALL_VIT = dict(
  architecture='vit', image_size=24, patch_size=8, width=16, num_layers=2, num_heads=2, feed_forward_width=24
)
SMALL_IRESNET = dict(architecture='iresnet', image_size=32, channels=(4, 8), blocks=(2, 1))

# Parameters of the published networks. InsightFace's IResNets end in a batch norm over 512 features, whose
# scale and offset are part of our dense layer. ViT-B/16 without pooler ends in 768 features, the input of our
# last layer.
COUNTS = {
  'base': 43_590_848 - 2 * 512,
  'large': 65_156_160 - 2 * 512,
  'vit': 85_798_656 + 768 * 512 + 512,
}


def encoder(size):
  """The encoder of a size name or of a dict of fields."""
  return FaceEncoder(**size) if isinstance(size, dict) else registry.make('face_encoder', size)


def shapes(size):
  return network_spec.shapes_of(encoder(size))


@pytest.mark.parametrize('size', COUNTS)
def test_parameters_are_as_many_as_published(size):
  assert sum(int(np.prod(shape)) for shape in shapes(size).values()) == COUNTS[size]


def test_both_norms_have_the_same_parameters():
  assert shapes(SMALL_IRESNET | dict(norm='frozen')) == shapes(SMALL_IRESNET | dict(norm='group'))


def test_paths_are_flat():
  def tops(size):
    return {path.split('/')[0] for path in shapes(size)}

  ends = {'conv_in', 'norm_out', 'to_embedding'}
  stages = {'stage_0_0', 'stage_0_1', 'stage_1_0'}
  assert tops(SMALL_IRESNET) == ends | stages | {'norm_in', 'prelu_in'}
  assert tops('tiny') == ends | {'stage_0_0', 'stage_1_0', 'down_1', 'squeeze'}
  vit = {'patch_embedding', 'cls_token', 'positions', 'layers_0', 'layers_1', 'norm_out', 'to_embedding'}
  assert tops(SMALL_VIT) == vit


@pytest.mark.parametrize('size', [SMALL_IRESNET, SMALL_IRESNET | dict(norm='frozen'), SMALL_VIT])
def test_unit_vectors_and_gradients_that_recomputing_does_not_change(size):
  images = jax.random.uniform(jax.random.key(0), (2, 40, 40, 3), minval=-1)
  module = encoder(size)
  params = blocks.init_params(module, jax.random.key(1), images)

  def loss(params, module):
    embedding = module.apply({'params': params}, images)
    return jnp.sum(embedding[:, :7] ** 3), embedding

  run = jax.jit(jax.grad(loss, has_aux=True), static_argnums=1)
  gradients, embedding = run(params, module)
  assert embedding.shape == (2, 512) and embedding.dtype == jnp.float32
  np.testing.assert_allclose(jnp.linalg.norm(embedding, axis=-1), 1, atol=1e-5)
  assert float(jnp.abs(embedding[0] - embedding[1]).max()) > 1e-3
  again, _ = run(params, module.clone(remat=True))
  for path, gradient in traverse_util.flatten_dict(gradients, sep='/').items():
    np.testing.assert_allclose(
      gradient, traverse_util.flatten_dict(again, sep='/')[path], atol=1e-5, err_msg=path
    )
    # A bias on keys adds a constant to all logits of a query and does not change attention.
    assert path.endswith('to_k/bias') or np.abs(gradient).max() > 0, path


def test_strides_start_at_the_first_pixel():
  """Padding as in PyTorch: each output equals one of the outputs without strides."""
  x = jax.random.normal(jax.random.key(0), (1, 6, 8, 4))
  block = IResBlock(4, 2, 'frozen')
  params = blocks.init_params(block, jax.random.key(1), x)
  params['conv_shortcut']['kernel'] = jnp.eye(4)[None, None]
  whole = {name: value for name, value in params.items() if not name.endswith('shortcut')}
  dense = IResBlock(4, 1, 'frozen').apply({'params': whole}, x)
  np.testing.assert_allclose(block.apply({'params': params}, x), dense[:, ::2, ::2], atol=1e-5)


def test_half_precision_stays_where_it_is_asked_for():
  module = IResNet(channels=(4, 8), blocks=(1, 1), norm='frozen', dtype=jnp.bfloat16)
  image = jnp.ones((1, 16, 16, 3))
  params = blocks.init_params(module, jax.random.key(0), image)
  assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype('float32')}
  assert module.apply({'params': params}, image).dtype == jnp.bfloat16


@pytest.mark.parametrize(
  'fields, message',
  [
    (dict(architecture='mlp'), "architecture must be 'patch', 'iresnet' or 'vit', got 'mlp'"),
    (SMALL_IRESNET | dict(norm='batch'), "norm must be 'group' or 'frozen', got 'batch'"),
    (SMALL_VIT | dict(num_heads=3), 'num_heads must divide width, got 3 and 16'),
  ],
)
def test_unknown_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    shapes(fields)


def test_face_encoder_gives_unit_vectors_for_any_size():
  image = np.random.default_rng(1).uniform(-1, 1, (2, 128, 128, 3)).astype(np.float32)
  encoder, params = build('face_encoder', image)
  apply = jax.jit(encoder.apply)
  embedding = apply({'params': params}, image)
  assert embedding.shape == (2, 512)
  np.testing.assert_allclose(jnp.linalg.norm(embedding, axis=-1), 1, atol=1e-5)
  assert apply({'params': params}, image_ops.resize_image(image, 64)).shape == (2, 512)
  assert float(jnp.abs(embedding[0] - embedding[1]).max()) > 1e-3
