"""NNX: networks wrapped by `nnx.bridge.ToNNX` give the outputs of Linen and can be trained."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks

pytestmark = pytest.mark.skipif(not hasattr(nnx, 'use_eager_sharding'), reason='Flax 0.12.0 does not have it')


def test_a_wrapped_network_equals_linen_and_learns():
  modules = {name: registry.make(name, 'tiny') for name in ('lip_refiner', 'motion_codec', 'speech_encoder')}
  module = modules['lip_refiner']
  rng = np.random.default_rng(0)
  inputs = [rng.standard_normal(x.shape).astype(x.dtype) for x in module.example_inputs(modules)]
  params = blocks.init_params(module, jax.random.key(0), *inputs)
  params = jax.tree.map(lambda x: x + 0.1 * rng.standard_normal(x.shape).astype(x.dtype), params)

  with nnx.use_eager_sharding(False):
    model = nnx.bridge.lazy_init(nnx.bridge.ToNNX(module, rngs=nnx.Rngs(0)), *inputs)
  state = nnx.state(model, nnx.Param)
  nnx.replace_by_pure_dict(state, params)
  nnx.update(model, state)
  found, wanted = (
    nnx.jit(lambda model: model(*inputs))(model),
    jax.jit(module.apply)({'params': params}, *inputs),
  )
  np.testing.assert_allclose(found, wanted, atol=1e-5)

  optimizer = nnx.Optimizer(model, optax.sgd(1e-2), wrt=nnx.Param)

  @nnx.jit
  def step(model, optimizer):
    loss, gradients = nnx.value_and_grad(lambda model: jnp.mean((model(*inputs) - inputs[0]) ** 2))(model)
    optimizer.update(model, gradients)
    return loss

  losses = [float(step(model, optimizer)) for _ in range(3)]
  assert losses[0] > losses[1] > losses[2] > 0
