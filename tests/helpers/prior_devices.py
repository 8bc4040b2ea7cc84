"""Program for face_prior_test: the face-prior pass in the training loop on meshes of eight devices.

python tests/helpers/prior_devices.py RELEASE WORKDIR RESULTS.npz

Every mesh gets the same batches in another order. Results are named MESH/NAME: the saved statistics of the
run, its accumulator (`latents`, `embeddings`, `speakers`, `count`), and the number of shards of a batch (`pieces`);
`portrait/...` is the same of the prior that the portrait stage computes itself.
"""

import os
import pathlib
import sys
import types

RELEASE, WORKDIR, RESULTS = sys.argv[1:]
os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} --xla_force_host_platform_device_count=8'
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import jax  # noqa: E402
import numpy as np  # noqa: E402
import prior_batches  # noqa: E402

from seetalk_jax.sharding import device_mesh  # noqa: E402
from seetalk_jax.stages import base  # noqa: E402
from seetalk_jax.stages.face_prior import FacePriorStage  # noqa: E402
from seetalk_jax.training import first_state, initial_weights, loop, stage_data  # noqa: E402


def portrait_statistics(mesh, order):
  """Statistics that the portrait stage computes without a face prior, from batches spread over the mesh."""
  config = prior_batches.portrait_config_of(RELEASE, mesh)
  initial = initial_weights.load_initial_weights(initial_weights.initial_sources(config))
  stage, mesh = base.build_stage(config, initial.modules), device_mesh.make_mesh(*mesh)
  data = stage_data.StageData(config, stage, lambda *_, **__: prior_batches.in_order(order), mesh)
  run = types.SimpleNamespace(stage=stage, data=data, mesh=mesh)
  return first_state.compute_statistics(run, device_mesh.put_frozen(initial.frozen, mesh))['face_prior']


def main() -> None:
  assert jax.device_count() == 8
  device_mesh._REPLICATE_BELOW = 64  # tiny networks are split over fsdp too
  seen, results = {}, {}
  put_batch, finalize = device_mesh.put_batch, FacePriorStage.finalize

  def watched_put(batch, mesh, *rows):
    batch = put_batch(batch, mesh, *rows)
    seen['pieces'] = len({str(shard.index) for shard in batch['portrait'].addressable_shards})
    return batch

  def watched_finalize(self, accumulator):
    seen['count'] = accumulator.sums.count
    seen.update({name: getattr(accumulator, name) for name in ('latents', 'embeddings', 'speakers')})
    return finalize(self, accumulator)

  device_mesh.put_batch, FacePriorStage.finalize = watched_put, watched_finalize
  for mesh, order in prior_batches.MESHES.items():
    name = ','.join(map(str, mesh))
    workdir = pathlib.Path(WORKDIR) / name
    config = prior_batches.config_of(RELEASE, mesh)
    loop.train(config, workdir, make_batches=lambda *_, order=order, **__: prior_batches.in_order(order))
    found = {**initial_weights.load_trained_stage(workdir).statistics['face_prior'], **seen}
    own = {f'portrait/{key}': value for key, value in portrait_statistics(mesh, order).items()}
    own['portrait/pieces'] = seen['pieces']
    results |= {f'{name}/{key}': np.asarray(value) for key, value in {**found, **own}.items()}
  np.savez(RESULTS, **results)


if __name__ == '__main__':
  main()
