"""Program that writes the shardings of every stage's base networks on a mesh of 2 x 8 x 4, as text to review.

python tests/helpers/golden_shardings.py writes tests/helpers/shardings.json; shardings_test compares with it.
"""

import collections
import hashlib
import json
import pathlib

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType

from seetalk_jax.planning import blueprint
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import config_files
from seetalk_jax.training.path_rules import path_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = pathlib.Path(__file__).with_name('shardings.json')
MESH = {'data': 2, 'fsdp': 8, 'tensor': 4}
STAGES = [name for name in base.STAGES if not name.startswith('toy') and name != 'face_prior']


def describe(stage):
  """Sharding summary of the parameters of a stage's base configuration.

  It lists arrays and millions of numbers by PartitionSpec, the largest replicated arrays, and a checksum of
  all paths, shapes and specs.
  """
  plan = blueprint.make(config_files.load(ROOT / 'configs' / f'{stage}.py', 'base'), 'base')
  mesh = AbstractMesh(tuple(MESH.values()), tuple(MESH), axis_types=(AxisType.Auto,) * len(MESH))
  shapes = jax.tree_util.tree_flatten_with_path(device_mesh.unbox(plan.state.params))[0]
  specs = jax.tree.leaves(plan.shardings(mesh).params)
  by_spec, whole, lines, held = collections.defaultdict(lambda: [0, 0.0]), [], [], 0.0
  for (keys, leaf), placed in zip(shapes, specs, strict=True):
    path, size = path_of(keys), int(np.prod(leaf.shape))
    axes = str(tuple(placed.spec))
    by_spec[axes][0] += 1
    by_spec[axes][1] += size / 1e6
    pieces = size / int(np.prod(placed.shard_shape(leaf.shape)))
    held += size / pieces
    if pieces == 1:
      whole.append((size, path))
    lines.append(f'{path} {leaf.shape} {axes}')
  total = sum(millions for _, millions in by_spec.values())
  return {
    'millions_of_parameters': round(total, 2),
    'share_that_a_device_holds': round(held / 1e6 / total, 4),
    'specs': {
      axes: f'{count} arrays, {millions:.3f} M' for axes, (count, millions) in sorted(by_spec.items())
    },
    'largest_whole_arrays': [f'{path} {size}' for size, path in sorted(whole, reverse=True)[:5]],
    'checksum': hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:16],
  }


if __name__ == '__main__':
  FILE.write_text(json.dumps({stage: describe(stage) for stage in STAGES}, indent=1) + '\n')
