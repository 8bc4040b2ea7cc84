"""A network of the demo release as an NNX module: same outputs, and three steps of nnx.Optimizer.

python examples/nnx_bridge.py
"""

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import seetalk_jax


def main() -> None:
  """Wraps the lip refiner, compares it with the Linen module, and trains it to leave the motion as it is."""
  networks = seetalk_jax.load_networks('demo', only=['lip_refiner'])
  module, variables = networks.modules['lip_refiner'], networks.variables('lip_refiner')
  rng = np.random.default_rng(0)
  shapes = module.example_inputs(networks.modules)
  inputs = [(0.1 * rng.standard_normal(x.shape)).astype(x.dtype) for x in shapes]  # floats, and bool masks

  # Parameters carry logical axis names. Without a mesh NNX must not shard by them.
  with nnx.use_eager_sharding(False):
    model = nnx.bridge.lazy_init(nnx.bridge.ToNNX(module, rngs=nnx.Rngs(0)), *inputs)
  state = nnx.state(model, nnx.Param)
  nnx.replace_by_pure_dict(state, variables['params'])
  nnx.update(model, state)
  difference = jnp.abs(model(*inputs) - module.apply(variables, *inputs)).max()

  optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)

  @nnx.jit
  def step(model, optimizer):
    loss, gradients = nnx.value_and_grad(lambda model: jnp.sum((model(*inputs) - inputs[0]) ** 2))(model)
    optimizer.update(model, gradients)
    return loss

  losses = [float(step(model, optimizer)) for _ in range(3)]
  print(f'difference from Linen: {difference:.1f}; losses: {", ".join(f"{loss:.3f}" for loss in losses)}')


if __name__ == '__main__':
  main()
