"""Programs exported by `jax.export`: attention per platform, symbolic shapes, serialized outputs."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from seetalk_jax.models import registry
from seetalk_jax.models.nn import attention, blocks


@pytest.mark.parametrize('platform, loops', [('cpu', 1), ('cuda', 0), ('tpu', 0)])
def test_attention_is_that_of_the_platform(platform, loops):
  """On one CPU device attention is a loop over heads, and on other platforms one batched product."""
  array = jax.ShapeDtypeStruct((1, 300, 2, 8), jnp.float32)
  for function in (attention.attend, jax.grad(lambda *x: jnp.sum(attention.attend(*x)))):
    exported = export.export(jax.jit(function), platforms=[platform])(array, array, array)
    assert (exported.mlir_module().count('stablehlo.while') > 0) == (loops > 0)


def test_attention_of_symbolic_length():
  array = jax.ShapeDtypeStruct(export.symbolic_shape('b, t, 2, 8'), jnp.float32)
  exported = export.export(jax.jit(attention.attend))(array, array, array)
  inputs = np.random.default_rng(0).standard_normal((3, 2, 5, 2, 8)).astype(np.float32)
  np.testing.assert_allclose(exported.call(*inputs), attention.attend(*inputs), atol=1e-5)


@pytest.mark.parametrize('shape', ['b, n', '2, 640 * t'])
def test_speech_encoder_of_symbolic_shape_serializes(shape):
  encoder = registry.make('speech_encoder', 'tiny')
  waveform = 0.1 * np.random.default_rng(0).standard_normal((2, 6400)).astype(np.float32)
  variables = jax.eval_shape(lambda: blocks.init_variables(encoder, jax.random.key(0), waveform))
  variables = jax.tree.map(lambda x: np.full(x.shape, 0.02, x.dtype), variables)
  array = jax.ShapeDtypeStruct(export.symbolic_shape(shape), jnp.float32)
  exported = export.export(jax.jit(encoder.apply), platforms=['cpu', 'cuda', 'tpu'])(variables, array)
  if importlib.util.find_spec('flatbuffers'):  # which serialization needs
    exported = export.deserialize(exported.serialize())
  features = exported.call(variables, waveform)
  wanted = jax.jit(encoder.apply)(variables, waveform)
  assert type(features) is type(wanted)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), features, wanted)
