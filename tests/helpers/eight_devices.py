"""Program for sharding tests: losses of a stage's step on meshes as lines of JSON, gradients as files.

python tests/helpers/eight_devices.py STAGE FOLDER DATA,FSDP,TENSOR ... writes FOLDER/DATA,FSDP,TENSOR.npz
"""

import json
import os
import pathlib
import sys

STAGE, FOLDER, *MESHES = sys.argv[1:]
os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} --xla_force_host_platform_device_count=8'
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import toy_stage  # noqa: E402

from seetalk_jax.sharding import device_mesh  # noqa: E402
from seetalk_jax.stages import base  # noqa: E402
from seetalk_jax.training import config_files, state, step  # noqa: E402

toy_stage.register()


def load_config():
  if STAGE == 'toy':
    return toy_stage.get_config()
  return config_files.load(ROOT / 'configs' / f'{STAGE}.py', 'tiny')


def pieces(array) -> int:
  return len({str(shard.index) for shard in array.addressable_shards})


def run(name) -> None:
  config = load_config()
  stage = base.build_stage(config, {})
  sizes = [int(n) for n in name.split(',')]
  mesh = device_mesh.make_mesh(*sizes, devices=jax.devices()[: np.prod(sizes)])
  root = jax.random.key(1)
  optimizer = state.make_optimizer(stage, config.optimizer)
  host_batch = base.fake_batch(stage.batch_spec(8))
  if 'num_samples' in host_batch:  # the fake lengths are so short that no frame of motion lies within
    host_batch['num_samples'] = np.full_like(host_batch['num_samples'], host_batch['speech'].shape[1])
  prepared = stage.prepare(base.Frozen(), iter([host_batch] * 99))
  statistics = jax.tree.map(jnp.asarray, prepared)
  frozen = base.Frozen(statistics=statistics)

  def create(frozen):
    return state.create_state(stage, optimizer, root, frozen)

  shardings = device_mesh.state_shardings(jax.eval_shape(create, frozen), mesh)
  first = jax.jit(lambda f: device_mesh.unbox(create(f)), out_shardings=shardings)(frozen)
  batch = device_mesh.put_batch(host_batch, mesh)
  # Number of shards of arrays, counted before the step donates the buffers of the state.
  largest = pieces(max(jax.tree.leaves(first.params), key=lambda x: x.size))

  def loss_of(params):
    rng = state.rng_for(root, 'loss', 0)
    return stage.loss(params, frozen, first.collections, batch, rng, jnp.int32(0))[0]

  loss, gradients = jax.device_get(jax.jit(jax.value_and_grad(loss_of))(first.params))
  losses = [float(loss)]
  if STAGE == 'toy':  # whole steps too; in larger stages Adam amplifies rounding of tiny gradients
    frozen = device_mesh.put_frozen(base.Frozen(), mesh)
    recipe = step.Recipe(stage, optimizer, config.optimizer, root)
    compiled = step.compile_step(recipe, mesh, shardings, first, frozen, batch)
    progress = jax.device_put(np.float32(0.0), device_mesh.replicated(mesh))
    for _ in range(3):
      first, metrics = compiled(first, frozen, batch, progress)
      losses.append(float(metrics['loss']))
  flat = jax.tree_util.tree_flatten_with_path(gradients)[0]
  np.savez(
    pathlib.Path(FOLDER) / f'{name}.npz', **{jax.tree_util.keystr(path): np.asarray(g) for path, g in flat}
  )
  batch_pieces = pieces(next(iter(batch.values())))
  print(json.dumps({'losses': losses, 'largest_pieces': largest, 'batch_pieces': batch_pieces}))


if __name__ == '__main__':
  assert jax.device_count() == 8
  for each in MESHES:
    run(each)
