"""Forward-mode differentiation of every network: it lowers, and agrees with reverse mode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks

SIDES = {'codeformer': 512, 'face_encoder': 112}  # learned positions
NETWORKS = [name for name in registry.NETWORKS if not name.startswith('toy')]


def function_of(name):
  """`(params, floats) -> floats` of a tiny network, and shapes of its variables and inputs."""
  modules = {other: registry.make(other, 'tiny') for other in NETWORKS}
  module = modules[name]
  inputs = module.example_inputs(modules, SIDES.get(name, 64))
  variables = jax.eval_shape(lambda: blocks.init_variables(module, jax.random.key(0), *fill(inputs)))

  def run(params, inputs, state):
    outputs = jax.tree.leaves(module.apply({'params': params, **state}, *inputs))
    return [x for x in outputs if jnp.issubdtype(x.dtype, jnp.floating)]

  return module, run, variables, inputs


def fill(tree, seed=0, scale=0.5):
  """Normal numbers for floats, True for masks, 0 for other integers."""
  rng = np.random.default_rng(seed)

  def one(x):
    if jnp.issubdtype(x.dtype, jnp.floating):
      return (scale * rng.standard_normal(x.shape)).astype(x.dtype)
    return np.full(x.shape, x.dtype == bool, x.dtype)

  return jax.tree.map(one, tree)


def tangents_of(tree, seed):
  zeros = lambda x: np.zeros(x.shape, jax.dtypes.float0)  # noqa: E731
  return jax.tree.map(
    lambda x, t: t if jnp.issubdtype(x.dtype, jnp.floating) else zeros(x), tree, fill(tree, seed)
  )


@pytest.mark.parametrize('name', NETWORKS)
def test_every_network_lowers_in_forward_mode(name):
  _, run, variables, inputs = function_of(name)
  state = {key: value for key, value in variables.items() if key != 'params'}

  def change(params, inputs, state):
    moved = jax.jvp(lambda *a: run(*a, state), (params, inputs), (params, tangents_of(inputs, 1)))
    return moved[1]

  jax.jit(change).lower(variables['params'], inputs, state)


@pytest.mark.slow
@pytest.mark.parametrize(
  'name',
  # CodeFormer runs at 512 px alone, which takes minutes.
  [pytest.param(name, marks=[pytest.mark.proof] if name == 'codeformer' else []) for name in NETWORKS],
)
def test_forward_mode_agrees_with_reverse_mode(name):
  """<u, J v> = <J^T u, v> with respect to the parameters and the inputs."""
  module, run, _, inputs = function_of(name)
  inputs = fill(inputs)
  variables = blocks.init_variables(module, jax.random.key(0), *inputs)
  # Layers that start at zero would hide what comes before them.
  params = jax.tree.map(lambda x, noise: x + noise, variables['params'], fill(variables['params'], 1, 0.02))
  state = {key: value for key, value in variables.items() if key != 'params'}
  primals, tangents = (params, inputs), (fill(params, 2, 0.02), tangents_of(inputs, 3))

  @jax.jit
  def both(primals, tangents):
    f = lambda *a: run(*a, state)  # noqa: E731
    outputs, changes = jax.jvp(f, primals, tangents)
    cotangents = [jnp.cos(7 * x) for x in outputs]
    gradients = jax.vjp(f, *primals)[1](cotangents)
    dot = lambda a, b: sum(jnp.vdot(x, y) for x, y in zip(a, b, strict=True))  # noqa: E731
    floats = [x for x in jax.tree.leaves(gradients) if x.dtype != jax.dtypes.float0]
    moved = [x for x in jax.tree.leaves(tangents) if x.dtype != jax.dtypes.float0]
    size = sum(jnp.sum(jnp.abs(x * y)) for x, y in zip(changes, cotangents, strict=True))
    return dot(changes, cotangents), dot(floats, moved), size

  forward, reverse, size = map(float, both(primals, tangents))
  assert size > 0 and abs(forward - reverse) < 1e-4 * size, (forward, reverse, size)
