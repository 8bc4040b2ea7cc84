"""Device properties by device name."""

import types

import jax

from seetalk_jax.training import chips


def test_known_devices_have_a_peak():
  def device(kind):
    return types.SimpleNamespace(device_kind=kind)

  assert chips.peak_flops(device('TPU v5 lite')) == chips.CHIPS['v5e'].flops
  assert chips.peak_flops(device('TPU v5')) == chips.CHIPS['v5p'].flops
  assert chips.peak_flops(device('NVIDIA H100 80GB HBM3')) == 989e12
  assert chips.peak_flops(jax.devices('cpu')[0]) is None
