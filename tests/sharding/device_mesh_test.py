"""Device meshes: every axis name has a rule, and results on one and on eight devices are equal."""

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
from seetalk_jax.models.nn import blocks
from seetalk_jax.sharding import device_mesh

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / 'helpers' / 'eight_devices.py'


def abstract_mesh(**sizes):
  auto = (jax.sharding.AxisType.Auto,) * len(sizes)
  return jax.sharding.AbstractMesh(tuple(sizes.values()), tuple(sizes), axis_types=auto)


def test_every_axis_of_the_models_has_a_rule():
  assert set(blocks.LOGICAL_AXES) <= set(device_mesh.RULES)
  assert {axis for axes in device_mesh.RULES.values() for axis in axes} <= set(device_mesh.MESH_AXES)


def test_unknown_axis_raises():
  boxed = {'w': nn.LogicallyPartitioned(jnp.zeros((4, 4)), names=('embed', 'mpl'))}
  with pytest.raises(ValueError, match='mpl'):
    device_mesh.state_shardings(boxed, device_mesh.make_mesh(devices=jax.devices()[:1]))


def test_spec_uses_an_axis_once_and_only_where_it_divides():
  mesh = abstract_mesh(data=2, fsdp=2, tensor=2)
  assert device_mesh.spec_for(('embed', 'mlp'), (8, 16), mesh) == PartitionSpec('fsdp', 'tensor')
  assert device_mesh.spec_for(('embed', 'embed'), (8, 8), mesh) == PartitionSpec('fsdp', None)
  assert device_mesh.spec_for((None, None, 'conv_in', 'conv_out'), (3, 3, 3, 8), mesh) == PartitionSpec(
    None, None, None, 'tensor'
  )
  assert device_mesh.spec_for(('batch', None), (6, 3), mesh) == PartitionSpec('data', None)
  assert device_mesh.spec_for(('batch', None), (8, 3), mesh) == PartitionSpec(('data', 'fsdp'), None)


def test_mesh_sizes_must_fit():
  devices = jax.devices()[:1]
  assert device_mesh.make_mesh(devices=devices).shape == {'data': 1, 'fsdp': 1, 'tensor': 1}
  for sizes in ({'data': 3}, {'data': -1, 'fsdp': -1}, {'fsdp': 2}, {'data': 0}):
    with pytest.raises(ConfigError, match='mesh'):
      device_mesh.make_mesh(**sizes, devices=devices)


def run(stage, folder, *meshes):
  command = [sys.executable, str(PROGRAM), stage, str(folder), *meshes]
  out = subprocess.run(command, capture_output=True, text=True, timeout=600)
  assert out.returncode == 0, out.stderr[-3000:]
  found = [json.loads(line) for line in out.stdout.splitlines() if line.startswith('{')]
  for mesh, line in zip(meshes, found, strict=True):
    with np.load(folder / f'{mesh}.npz') as gradients:
      yield line, dict(gradients)


@pytest.mark.parametrize(
  'stage, mesh',
  [
    ('toy', '2,2,2'),
    pytest.param('conre', '8,1,1', marks=pytest.mark.slow),
    pytest.param('conre', '1,8,1', marks=pytest.mark.slow),
    pytest.param('conre', '2,2,2', marks=pytest.mark.slow),
  ],
)
def test_one_device_and_eight_agree(stage, mesh, tmp_path):
  (one, wanted), (eight, found) = run(stage, tmp_path, '1,1,1', mesh)
  data, fsdp, tensor = map(int, mesh.split(','))
  assert one['batch_pieces'] == 1 and eight['batch_pieces'] == data * fsdp
  assert eight['largest_pieces'] == fsdp * tensor
  np.testing.assert_allclose(one['losses'], eight['losses'], rtol=1e-5)
  assert stage != 'toy' or one['losses'][3] < one['losses'][1] == pytest.approx(one['losses'][0], rel=1e-5)
  total = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in wanted.values()))
  assert wanted.keys() == found.keys()
  for path, leaf in wanted.items():
    # The gradient of a bias before a normalization is rounding: compared with the norm of the whole gradient.
    bound = max(1e-5 * np.linalg.norm(leaf), 1e-8 * total)
    assert np.linalg.norm(found[path] - leaf) <= bound, path
