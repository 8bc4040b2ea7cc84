"""Local devices: batches are shared, and the values of four devices are those of one."""

import os
import pathlib
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from seetalk_jax.evaluation import local_devices

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Values of the measures with networks, tiny and random, on four devices and on the first of them.
PROGRAM = """
import sys
import jax, numpy as np
from random_networks import random_network
from seetalk_jax.evaluation import local_devices
from seetalk_jax.evaluation.measures import lip_sync
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.models.critics import i3d
from seetalk_jax.sharding import device_mesh
from seetalk_jax.training.initial_weights import InitialNetwork

i3d.IMAGE_SIDE = 64  # a twelfth of the time
names = 'inception', 'i3d', 'perceptual', 'face_encoder'
loaded = {name: InitialNetwork(*random_network(name), {}, (), '') for name in names}
sync, params = random_network('syncnet')
rng = np.random.default_rng(0)
frames, others = rng.integers(0, 256, (2, 39, 64, 64, 3), dtype=np.uint8)
crops = rng.integers(0, 256, (7, 112, 112, 3), dtype=np.uint8)
speech = rng.normal(0, 0.1, 9 * 640)
meshes = {4: local_devices.mesh(), 1: device_mesh.make_mesh(devices=jax.devices()[:1])}
found = {}
for count, mesh in meshes.items():
  local_devices.mesh = lambda mesh=mesh: mesh
  shared = local_devices.over_devices(jax.jit(lambda _, x: 2 * x), None)(np.ones((8, 3)))
  assert [piece.data.shape for piece in shared.addressable_shards] == [(8 // count, 3)] * count
  networks = Networks(loaded, {})
  assert len(jax.tree.leaves(networks._loaded['i3d'].params)[0].addressable_shards) == count
  values = {
    'inception': networks._inception(frames[:7]),
    'i3d': networks._i3d(frames),
    'identity': networks._identity(crops),
    'lpips': networks.pair_measures()['lpips'](frames[:7], others[:7]),
    'lip_sync': np.array(lip_sync.lip_sync(sync, params, [frames[:9]], speech)),
  }
  found |= {f'{count}/{name}': value for name, value in values.items()}
np.savez(sys.argv[1], **found)
"""


def test_batches_are_rounded_up(monkeypatch):
  assert local_devices.mesh().devices.size == len(jax.local_devices())
  monkeypatch.setattr(local_devices, 'mesh', lambda: types.SimpleNamespace(size=3))
  assert [local_devices.batch_size(rows) for rows in (1, 3, 16)] == [3, 3, 18]


def test_compiled_programs_round_no_product():
  def run(x):
    return jax.lax.conv(x, x, (1, 1), 'SAME') @ x

  x = np.ones((3, 3, 3, 3), np.float32)
  rounded, exact = (str(jax.make_jaxpr(each)(x)) for each in (jax.jit(run), local_devices.compiled(run)))
  assert 'HIGHEST' not in rounded and 'precision=None' in rounded
  assert exact.count('HIGHEST') == 4 and 'precision=None' not in exact  # both operands of both


@pytest.mark.slow
def test_four_devices_have_the_values_of_one(tmp_path):
  flags = f'{os.environ.get("XLA_FLAGS", "")} --xla_force_host_platform_device_count=4'
  path = os.pathsep.join([str(ROOT), str(ROOT / 'tests/helpers')])
  out = subprocess.run(
    [sys.executable, '-c', PROGRAM, str(tmp_path / 'values.npz')],
    env={**os.environ, 'XLA_FLAGS': flags, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': path},
    capture_output=True,
    text=True,
    timeout=900,
  )
  assert out.returncode == 0, out.stderr[-3000:]
  with np.load(tmp_path / 'values.npz') as arrays:
    for name, rows in (('inception', 7), ('i3d', 2), ('identity', 7), ('lpips', 7), ('lip_sync', 3)):
      one, four = arrays[f'1/{name}'], arrays[f'4/{name}']
      assert len(one) == rows and np.ptp(one) > 0
      np.testing.assert_allclose(four, one, rtol=1e-5, atol=1e-5 * np.abs(one).max(), err_msg=name)
