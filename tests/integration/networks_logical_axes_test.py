"""Logical axis names of every network: Flax's own sharding functions take them, Explicit meshes are refused."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer import codebook
from seetalk_jax.models.speech import mel
from seetalk_jax.sharding import device_mesh

NETWORKS = [name for name in registry.NETWORKS if not name.startswith('toy')]
MESH = AbstractMesh((2, 2, 2), device_mesh.MESH_AXES, axis_types=(AxisType.Auto,) * 3)


@pytest.mark.parametrize('name', NETWORKS)
def test_flax_gives_shardings_of_every_network(name):
  modules = {other: registry.make(other, 'tiny') for other in NETWORKS}
  inputs = modules[name].example_inputs(modules, {'codeformer': 512, 'face_encoder': 112}.get(name, 64))
  abstract = jax.eval_shape(modules[name].init, jax.random.key(0), *inputs)
  specs = nn.get_partition_spec(abstract)
  shardings = nn.logical_to_mesh_sharding(specs, MESH, device_mesh.flax_rules())
  leaves = jax.tree.leaves(shardings, is_leaf=lambda x: isinstance(x, NamedSharding))
  assert len(leaves) == len(jax.tree.leaves(device_mesh.unbox(abstract)))


EXPLICIT = AbstractMesh((8,), ('data',), axis_types=(AxisType.Explicit,))


def sharded(*shape):
  return jax.ShapeDtypeStruct(shape, jnp.float32, sharding=NamedSharding(EXPLICIT, PartitionSpec('data')))


@pytest.mark.parametrize(
  'layer, shape',
  [
    (lambda x: blocks.group_norm(32).init_with_output(jax.random.key(0), x)[0], (8, 4, 4, 32)),
    (mel.energy_sums, (8, 16_000)),
    (lambda x: codebook.straight_through_lookup(x, jnp.ones((16, 4))), (8, 2, 16)),
  ],
)
def test_explicit_meshes_are_refused_in_a_sentence(layer, shape):
  with jax.sharding.use_abstract_mesh(EXPLICIT), pytest.raises(ValueError, match='AxisType.Auto') as error:
    jax.eval_shape(layer, sharded(*shape))
  assert '\n' not in str(error.value)


def test_rules_on_an_explicit_mesh_are_refused():
  layer = blocks.dense(4)
  with jax.sharding.use_abstract_mesh(EXPLICIT), nn.logical_axis_rules(device_mesh.flax_rules()):
    with pytest.raises(ValueError, match='axis_types'):
      jax.eval_shape(
        layer.apply, {'params': {'kernel': jnp.ones((4, 4)), 'bias': jnp.ones(4)}}, jnp.ones((8, 4))
      )
