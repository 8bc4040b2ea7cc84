"""Attention kernels: each equals the plain formula, forward and backward, with and without masks."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models.nn import attention, attention_kernels

_SCALE = 0.3


def arrays(t, s, heads=3, width=20, b=2):
  rng = np.random.default_rng(0)
  query = rng.standard_normal((b, t, heads, width)).astype(np.float32)
  return query, *rng.standard_normal((2, b, s, heads, width)).astype(np.float32)


def plain(query, key, value, mask, bias, scale):
  logits = scale * jnp.einsum('bthd,bshd->bhts', query, key)
  if bias is not None:
    logits = logits + bias
  if mask is not None:
    logits = jnp.where(mask, logits, -1e30)
  return jnp.einsum('bhts,bshd->bthd', jax.nn.softmax(logits, axis=-1), value)


def check(function, inputs, mask, bias, atol):
  weights = np.random.default_rng(1).standard_normal(inputs[0].shape).astype(np.float32)

  def scored(attend):
    return jax.jit(jax.value_and_grad(lambda *x: jnp.sum(weights * attend(*x)), argnums=(0, 1, 2)))(*inputs)

  found = scored(lambda *x: function(*x))
  wanted = scored(lambda *x: plain(*x, mask, bias, _SCALE))
  np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4)
  for one, other in zip(found[1], wanted[1], strict=True):
    np.testing.assert_allclose(one, other, atol=atol)


def masks(t, s):
  rng = np.random.default_rng(2)
  keys = rng.random((2, 1, 1, s)) > 0.3
  return {
    'none': None,
    'keys': keys,
    'all': rng.random((2, 3, t, s)) > 0.5,
    'shared': rng.random((1, 1, t, s)) > 0.5,
  }


@pytest.mark.parametrize('kind', ['none', 'keys', 'all', 'shared'])
@pytest.mark.parametrize('t, s', [(40, 24), (700, 33)])  # one block of queries, two blocks
def test_by_heads(t, s, kind):
  mask = masks(t, s)[kind]
  bias = np.random.default_rng(3).standard_normal((1, 3, t, s)).astype(np.float32) if kind != 'keys' else None
  inputs = arrays(t, s)
  check(lambda q, k, v: attention_kernels.by_heads(q, k, v, mask, bias, _SCALE), inputs, mask, bias, 1e-4)


@pytest.mark.parametrize('kind', ['none', 'keys'])
def test_splash(kind):
  """The TPU kernel in interpret mode, at lengths that need padding."""
  t, s = 150, 77
  mask = masks(t, s)[kind]
  run = lambda q, k, v: attention_kernels.splash(q, k, v, mask, _SCALE, interpret=True)
  check(run, arrays(t, s, heads=2), mask, None, 2e-4)


def test_splash_lowers_for_tpus():
  """Lowers to a Mosaic kernel without a TPU."""
  inputs = [jax.ShapeDtypeStruct((2, 512, 4, 40), jnp.bfloat16)] * 3
  run = jax.jit(lambda q, k, v: attention_kernels.splash(q, k, v, None, 0.2))
  exported = jax.export.export(run, platforms=['tpu'])(*inputs)
  assert 'tpu_custom_call' in exported.mlir_module()


_ON_A_MESH = """
import jax, numpy as np
from flax import linen as nn
from seetalk_jax.models import attention_kernels
from seetalk_jax.training import sharding

rng = np.random.default_rng(0)
query, key, value = rng.standard_normal((3, 4, 128, 2, 16)).astype(np.float32)
mask = rng.random((4, 1, 1, 128)) > 0.3

def run(query, key, value):
  with nn.logical_axis_rules(sharding.flax_rules()):
    return attention_kernels.splash(query, key, value, mask, 0.25, interpret=True)

with jax.set_mesh(sharding.make_mesh(2, 2, 2)):
  out = jax.jit(run)(query, key, value)
pieces = {str(shard.index) for shard in out.addressable_shards}
assert len(pieces) == 8, pieces  # four of the batch, two of the heads: nobody does another's work
np.testing.assert_allclose(out, run(query, key, value), atol=1e-6)
"""


@pytest.mark.slow
def test_splash_on_a_mesh_does_each_part_once():
  flags = {'XLA_FLAGS': '--xla_force_host_platform_device_count=8', 'JAX_PLATFORMS': 'cpu'}
  out = subprocess.run(
    [sys.executable, '-c', _ON_A_MESH],
    env={**os.environ, **flags},
    cwd=pathlib.Path(__file__).resolve().parents[3],
    capture_output=True,
    text=True,
    timeout=600,
  )
  assert out.returncode == 0, out.stderr[-3000:]


@pytest.mark.parametrize(
  'where, dtype, width, route',
  [
    ('cpu', 'float32', 40, 'by_heads'),
    ('gpu', 'bfloat16', 40, 'cudnn'),
    ('gpu', 'float32', 40, 'xla'),
    ('gpu', 'bfloat16', 160, 'xla'),
    ('tpu', 'bfloat16', 160, 'splash'),
  ],
)
def test_the_machine_chooses(monkeypatch, where, dtype, width, route):
  monkeypatch.setattr(attention_kernels, 'platform', lambda: where)
  query = jax.ShapeDtypeStruct((1, 1024, 8, width), dtype)
  assert attention_kernels.route(query, query, None, None) == route
  few = jax.ShapeDtypeStruct((1, 64, 8, width), dtype)
  assert attention_kernels.route(few, few, None, None) == 'xla'
  if where == 'tpu':
    assert attention_kernels.route(query, query, jnp.ones((1, 8, 1024, 1024), bool), None) == 'xla'


def test_queries_that_may_look_nowhere_get_zeros_on_every_route(monkeypatch):
  query, key, value = arrays(300, 256)
  valid = np.array([[True] * 256, [False] * 256])
  long = attention.attend(query, key, value, attention.key_mask(valid))
  monkeypatch.setattr(attention_kernels, 'route', lambda *_: 'xla')
  np.testing.assert_allclose(long, attention.attend(query, key, value, attention.key_mask(valid)), atol=1e-5)
  assert np.all(long[1] == 0) and np.any(long[0] != 0)
