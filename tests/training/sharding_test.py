"""Meshes: every axis name has a rule, and one device and eight compute the same."""

import json
import pathlib
import subprocess
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import blocks
from seetalk_jax.training import sharding

PROGRAM = pathlib.Path(__file__).with_name('eight_devices.py')


def abstract_mesh(**sizes):
  return jax.sharding.AbstractMesh(tuple(sizes.values()), tuple(sizes))


def test_every_axis_of_the_models_has_a_rule():
  assert set(blocks.LOGICAL_AXES) <= set(sharding.RULES)
  assert {axis for axes in sharding.RULES.values() for axis in axes} <= set(sharding.MESH_AXES)


def test_unknown_axis_raises():
  boxed = {'w': nn.LogicallyPartitioned(jnp.zeros((4, 4)), names=('embed', 'mpl'))}
  with pytest.raises(ValueError, match='mpl'):
    sharding.state_shardings(boxed, sharding.make_mesh(devices=jax.devices()[:1]))


def test_spec_uses_an_axis_once_and_only_where_it_divides():
  mesh = abstract_mesh(data=2, fsdp=2, tensor=2)
  assert sharding.spec_for(('embed', 'mlp'), (8, 16), mesh) == PartitionSpec('fsdp', 'tensor')
  assert sharding.spec_for(('embed', 'embed'), (8, 8), mesh) == PartitionSpec('fsdp', None)
  assert sharding.spec_for((None, None, 'conv_in', 'conv_out'), (3, 3, 3, 8), mesh) == PartitionSpec(
    None, None, None, 'tensor'
  )
  assert sharding.spec_for(('batch', None), (6, 3), mesh) == PartitionSpec('data', None)
  assert sharding.spec_for(('batch', None), (8, 3), mesh) == PartitionSpec(('data', 'fsdp'), None)


def test_mesh_sizes_must_fit():
  devices = jax.devices()[:1]
  assert sharding.make_mesh(devices=devices).shape == {'data': 1, 'fsdp': 1, 'tensor': 1}
  for sizes in ({'data': 3}, {'data': -1, 'fsdp': -1}, {'fsdp': 2}, {'data': 0}):
    with pytest.raises(ConfigError, match='mesh'):
      sharding.make_mesh(**sizes, devices=devices)


def run(num_devices, mesh, stage):
  command = [sys.executable, str(PROGRAM), str(num_devices), mesh, stage]
  out = subprocess.run(command, capture_output=True, text=True, timeout=600)
  assert out.returncode == 0, out.stderr[-3000:]
  return json.loads(out.stdout.splitlines()[-1])


@pytest.mark.parametrize('stage', ['toy', pytest.param('conre', marks=pytest.mark.slow)])
def test_one_device_and_eight_agree(stage):
  one, eight = run(1, '1,1,1', stage), run(8, '2,2,2', stage)
  assert one['batch_pieces'] == 1 and eight['batch_pieces'] == 4
  assert eight['largest_pieces'] == 4  # fsdp x tensor
  np.testing.assert_allclose(one['losses'], eight['losses'], rtol=2e-5)
  assert stage != 'toy' or one['losses'][3] < one['losses'][1] == pytest.approx(one['losses'][0])
  for path, norm in one['norms'].items():
    scale = max(norm, 1e-4)
    assert abs(norm - eight['norms'][path]) < 1e-3 * scale, path
    difference = np.subtract(one['gradients'][path], eight['gradients'][path])
    assert np.linalg.norm(difference) < 1e-3 * scale, path
