"""UNet of Stable Diffusion at full size: parameter count, and memory of a training step in bfloat16."""

import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.unet import UNet2DCondition

_STEP = """
import resource, sys
import jax, jax.numpy as jnp, numpy as np
from flax import linen as nn
from seetalk_jax.models.portrait.unet import UNet2DCondition

side = int(sys.argv[1])
unet = UNet2DCondition(remat=True, dtype=jnp.bfloat16)
x, context = jnp.ones((1, side, side, 4)), jnp.ones((1, 77, 768))
shapes = nn.unbox(jax.eval_shape(lambda: unet.init(jax.random.key(0), x, jnp.ones(1), context)))['params']
noise = 0.02 * np.random.default_rng(0).standard_normal(1_000_003).astype(np.float32)
params = jax.tree.map(lambda leaf: jnp.asarray(np.resize(noise, leaf.shape)), shapes)

@jax.jit
def step(params, x):
  return jax.value_and_grad(
    lambda p: jnp.mean(jnp.square(unet.apply({'params': p}, x, jnp.full(1, 500.0), context) - 1.0))
  )(params)

loss, gradients = jax.block_until_ready(step(params, x))
assert jnp.isfinite(loss) and all(jnp.all(jnp.isfinite(g)) for g in jax.tree.leaves(gradients))
assert all(g.dtype == jnp.float32 for g in jax.tree.leaves(gradients))
assert sum(bool(jnp.any(g != 0)) for g in jax.tree.leaves(gradients)) == len(jax.tree.leaves(gradients))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def test_the_base_unet_has_exactly_stable_diffusion_s_parameters():
  shapes = jax.eval_shape(
    UNet2DCondition().init,
    jax.random.key(0),
    jnp.zeros((1, 64, 64, 4)),
    jnp.zeros(1),
    jnp.zeros((1, 77, 768)),
  )
  assert blocks.count_params(shapes['params']) == 859_520_964


@pytest.mark.proof
def test_a_step_of_the_base_unet_fits_24_gib():
  """Forward and backward at 64 x 64 latents, batch 1: bfloat16 compute, float32 parameters, remat."""
  root = pathlib.Path(__file__).resolve().parents[3]
  command = [sys.executable, '-c', _STEP, '64']
  out = subprocess.run(command, capture_output=True, text=True, timeout=3600, cwd=root)
  assert out.returncode == 0, out.stderr[-3000:]
  peak = float(out.stdout.split()[-1])
  print(f'peak {peak:.1f} GiB')
  assert peak < 24
