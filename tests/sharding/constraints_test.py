"""Sharding constraints: gathered kernels and batch-sharded activations, traced on abstract meshes."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from seetalk_jax.sharding import constraints

RULES = (('batch', ('data', 'fsdp')), ('embed', ('fsdp',)), ('mlp', ('tensor',)))


def mesh_of(data, fsdp, tensor, kind=AxisType.Auto):
  return AbstractMesh((data, fsdp, tensor), ('data', 'fsdp', 'tensor'), axis_types=(kind,) * 3)


def constrained_specs(function, *shapes, mesh=None):
  """PartitionSpecs of the sharding constraints of a program, in order."""
  mesh = mesh or mesh_of(2, 4, 2)
  with jax.sharding.use_abstract_mesh(mesh), nn.logical_axis_rules(RULES):
    jaxpr = jax.make_jaxpr(function)(*(jnp.zeros(shape) for shape in shapes))
  found = []

  def walk(jaxpr):
    for equation in jaxpr.eqns:
      if equation.primitive.name == 'sharding_constraint':
        found.append(equation.params['sharding'].spec)
      for value in equation.params.values():
        if hasattr(inner := getattr(value, 'jaxpr', value), 'eqns'):
          walk(inner)

  walk(jaxpr.jaxpr)
  return found


def test_without_a_mesh_nothing_happens():
  x = jnp.ones((8, 4))
  assert constraints.all_gather_kernel(x, ('embed', 'mlp')) is x and constraints.constrain_batch_axis(x) is x
  assert (
    constrained_specs(
      lambda x: constraints.all_gather_kernel(x, ('embed', 'mlp')), (8, 4), mesh=mesh_of(1, 1, 1)
    )
    == []
  )
  manual = mesh_of(2, 4, 2, AxisType.Manual)
  assert (
    constrained_specs(
      lambda x: constraints.constrain_batch_axis(constraints.all_gather_kernel(x, ('embed', 'mlp'))),
      (8, 4),
      mesh=manual,
    )
    == []
  )


def test_a_kernel_is_whole_where_it_is_used_and_its_gradient_is_split():
  def product(kernel, x):
    return jnp.sum(x @ constraints.all_gather_kernel(kernel, ('embed', 'mlp')))

  used, gradient = constrained_specs(jax.grad(product), (8, 4), (16, 8))
  assert used == PartitionSpec(None, 'tensor') and gradient == PartitionSpec('fsdp', 'tensor')


def test_a_kernel_that_is_not_split_over_samples_stays():
  assert constrained_specs(lambda x: constraints.all_gather_kernel(x, (None, 'mlp')), (8, 4)) == []
  assert (
    constrained_specs(lambda x: constraints.all_gather_kernel(x, ('embed', 'mlp')), (7, 4)) == []
  )  # seven is not divisible by four


def test_activations_lie_by_samples_where_these_divide():
  open_ = PartitionSpec.UNCONSTRAINED
  assert constrained_specs(constraints.constrain_batch_axis, (16, 5, 3)) == [
    PartitionSpec(('data', 'fsdp'), open_, open_)
  ]
  assert constrained_specs(constraints.constrain_batch_axis, (12, 5)) == [
    PartitionSpec('data', open_)
  ]  # as far as the sizes are divisible
  assert (
    constrained_specs(constraints.constrain_batch_axis, (9, 5)) == []
    and constrained_specs(constraints.constrain_batch_axis, (16,)) == []
  )


def test_each_device_is_handed_its_own_samples():
  shapes = []

  def run(x, y):
    shapes.append((x.shape, y.shape))
    return x + y.sum(1, keepdims=True)

  for rows in (16, 12, 9):
    constrained_specs(lambda x, y: constraints.map_over_devices(run, x, y), (rows, 5), (rows, 3))
  constrained_specs(
    lambda x, y: constraints.map_over_devices(run, x, y), (16, 5), (16, 3), mesh=mesh_of(1, 1, 1)
  )
  assert shapes == [((rows, 5), (rows, 3)) for rows in (2, 6, 9, 16)]


def test_an_unknown_name_is_no_silence():
  with pytest.raises(ValueError, match='misspelt'):
    constraints.spec_for(('misspelt',), (8,), mesh_of(1, 8, 1), dict(RULES))
