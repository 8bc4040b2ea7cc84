"""Program for meshes_test: a stage of tiny networks on meshes of forced host devices, against one device.

python tests/helpers/meshes.py [--double] STAGE DATA,FSDP,TENSOR ... prints a line of JSON for each mesh.

--double computes in float64. The gradient of a warp is discontinuous at pixel centers, so float32 rounding is
visible in the gradients of networks that warp. Differences in float64 come from the partitioning itself.
"""

import json
import math
import os
import pathlib
import re
import sys

DOUBLE = '--double' in sys.argv
STAGE, *MESHES = (text for text in sys.argv[1:] if text != '--double')
MESHES = [tuple(int(n) for n in text.split(',')) for text in MESHES]
os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} --xla_force_host_platform_device_count=8'
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

if DOUBLE:  # before any module reads the default
  jax.config.update('jax_enable_x64', True)
  jnp.float32 = jnp.float64
FLOAT = np.float64 if DOUBLE else np.float32

from flax import linen as nn  # noqa: E402

from seetalk_jax.planning import blueprint, hlo  # noqa: E402
from seetalk_jax.sharding import device_mesh  # noqa: E402
from seetalk_jax.stages import base  # noqa: E402
from seetalk_jax.training import config_files, state  # noqa: E402

RATE = 0.02  # of SGD
# Stand-ins for statistics of data.
STATISTICS = {'std': 1.0, 'variances': 1.0, 'rest': 0.1, 'scale': 1.0}


def filled(tree, seed, size=1.0):
  """Random arrays with `size` times the scale of initialization; norm scales are near one."""
  rng = np.random.default_rng(seed)

  def one(path, x):
    name = str(path[-1])
    noise = rng.standard_normal(x.shape).astype(FLOAT) / np.sqrt(max(1, int(np.prod(x.shape[:-1]))))
    return (1 + 0.1 * noise if 'scale' in name else size * noise).astype(x.dtype)

  return jax.tree_util.tree_map_with_path(one, tree)


def statistic(name, spec):
  for end, value in STATISTICS.items():
    if name.endswith(end):
      return np.full(spec.shape, value, FLOAT)
  rng = np.random.default_rng(3)
  array = 0.1 * rng.standard_normal(spec.shape).astype(FLOAT)
  return np.linalg.qr(array)[0] if name == 'lip_subspace' else array


def batch_of(stage):
  batch = base.fake_batch(stage.batch_spec(8))
  for name, value in batch.items():
    if name.endswith('parts'):
      batch[name] = value % 10
    if name == 'num_samples':
      batch[name] = np.full_like(value, 16_000)
  return batch


def run(plan, mesh):
  """Runs three steps of SGD.

  Returns:
    (losses of the steps, gradients of the first step, parameters after the last step, their number of shards,
    operations of the products of a step on all devices).
  """
  shardings = plan.shardings(mesh)
  frozen = base.Frozen(
    # Small values: the inversion of a large random flow is chaotic and amplifies rounding.
    params=filled(plan.frozen.params, 1, 0.3),
    collections=filled(plan.frozen.collections, 2),
    statistics={
      owner: {name: statistic(name, spec) for name, spec in specs.items()}
      for owner, specs in plan.frozen.statistics.items()
    },
  )
  first = device_mesh.unbox(plan.state)
  # The initial parameters of the stage, with small random values for zero-initialized arrays.
  begun = jax.jit(lambda frozen: device_mesh.unbox(plan.stage.init(jax.random.key(4), frozen)[0]))(frozen)
  begun = jax.tree.map(
    lambda p, noise: np.where(p == 0, noise, p), jax.device_get(begun), filled(first.params, 4, 0.1)
  )
  params = jax.device_put(begun, shardings.params)
  collections = jax.device_put(filled(first.collections, 5), shardings.collections)
  frozen, batch = device_mesh.put_frozen(frozen, mesh), device_mesh.put_batch(batch_of(plan.stage), mesh)
  trainable = plan.stage.trainable(params)
  rng = state.rng_for(jax.random.key(1), 'loss', 0)

  @jax.jit
  def step(params, collections, frozen, batch):
    with nn.logical_axis_rules(device_mesh.flax_rules()):
      grad = jax.value_and_grad(plan.stage.loss, has_aux=True)
      (loss, _), gradients = grad(params, frozen, collections, batch, rng, jnp.int32(0))
    gradients = jax.tree.map(lambda g, use: g if use else jnp.zeros_like(g), gradients, trainable)
    norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in jax.tree.leaves(gradients)))
    moved = jax.tree.map(lambda p, g: p - RATE / jnp.maximum(norm, 1.0) * g, params, gradients)
    return loss, gradients, jax.lax.with_sharding_constraint(moved, shardings.params)

  losses, found = [], None
  with jax.set_mesh(mesh):
    compiled = step.lower(params, collections, frozen, batch).compile()
    for _ in range(3):
      loss, gradients, params = compiled(params, collections, frozen, batch)
      found = jax.device_get(gradients) if found is None else found
      losses.append(float(loss))
  pieces = max(len({str(s.index) for s in x.addressable_shards}) for x in jax.tree.leaves(params))
  work = products(compiled.as_text()) * mesh.size
  return losses, found, jax.device_get(params), pieces, work


def products(text):
  """Operations of the matrix products and convolutions of a compiled program, the main cost of a network."""
  program = hlo.parse(text)
  lines = re.findall(r'^\s+(?:ROOT )?%(\S+) = \w+\[([\d,]*)\]', text, re.MULTILINE)
  shapes = {name: [int(n) for n in sizes.split(',') if n] for name, sizes in lines}
  total = 0
  for body, times in program.runs(inside_fusions=True).items():
    for name, instruction in program.bodies.get(body, {}).items():
      if instruction.kind == 'dot':
        axes = re.search(r'lhs_contracting_dims=\{([\d,]*)\}', instruction.rest).group(1)
        summed = [shapes[instruction.operands[0]][int(n)] for n in axes.split(',') if n]
      elif instruction.kind == 'convolution':
        labels = re.search(r'dim_labels=\w+_(\w+)->', instruction.rest).group(1)
        summed = [n for n, label in zip(shapes[instruction.operands[1]], labels, strict=True) if label != 'o']
      else:
        continue
      total += 2 * times * math.prod(shapes[name]) * math.prod(summed)
  return total


def furthest(wanted, found):
  """(path, difference over norm) of the leaf that differs most.

  Leaves of small norm, which are rounding only, are compared relative to the norm of the whole tree.
  """
  leaves = jax.tree_util.tree_flatten_with_path(wanted)[0]
  total = np.sqrt(sum(np.sum(np.square(leaf, dtype=np.float64)) for _, leaf in leaves))
  worst = ('', 0.0)
  for (path, leaf), other in zip(leaves, jax.tree.leaves(found), strict=True):
    bound = max(np.linalg.norm(leaf), 1e-2 * total, 1e-30)
    worst = max(
      worst, (jax.tree_util.keystr(path), float(np.linalg.norm(other - leaf) / bound)), key=lambda x: x[1]
    )
  return worst


def main() -> None:
  config = config_files.load(ROOT / 'configs' / f'{STAGE}.py', 'tiny')
  config.dtype = np.dtype(FLOAT).name
  for share in ('render_share', 'sync_share'):  # a quarter of eight samples leaves most devices without one
    if share in config.options:
      config.options[share] = 1.0
  plan = blueprint.make(config, 'tiny')
  devices = jax.devices()
  wanted = run(plan, device_mesh.make_mesh(1, 1, 1, devices=devices[:1]))
  for sizes in MESHES:
    found = run(plan, device_mesh.make_mesh(*sizes, devices=devices[: int(np.prod(sizes))]))
    losses = [abs(a - b) / abs(a) for a, b in zip(wanted[0], found[0], strict=True)]
    content = {
      'mesh': sizes,
      'first_loss': losses[0],
      'loss': max(losses),
      'gradient': furthest(wanted[1], found[1]),
      'parameters': furthest(wanted[2], found[2]),
      'pieces': found[3],
      'work': found[4] / wanted[4],
      'losses': wanted[0],
      'scalars': [
        jax.tree_util.keystr(k) for k, x in jax.tree_util.tree_flatten_with_path(wanted[1])[0] if not x.ndim
      ],
    }
    print(json.dumps(content), flush=True)


if __name__ == '__main__':
  main()
