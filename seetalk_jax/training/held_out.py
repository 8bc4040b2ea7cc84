"""Held-out metrics and pictures while training goes on."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from flax import linen as nn
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import state as state_lib
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.stage_data import StageData


def look(
  stage: base.Stage,
  evaluate: Callable,
  root: jax.Array,
  state: state_lib.TrainState,
  frozen: base.Frozen,
  held_out: list[dict[str, np.ndarray]],
  data: StageData,
  mesh: Mesh,
  step: int,
  writer: MetricsWriter,
) -> dict[str, float]:
  """Metrics and the stage's picture, both with EMA parameters on the same batches every time; returns the metrics.

  Args:
    evaluate: `eval_step` of stage and root, compiled.
    held_out: global batches, the same in every process.
  """
  if not held_out:
    return {}
  mine = (
    held_out if data.rows is None else [{k: v[data.rows] for k, v in batch.items()} for batch in held_out]
  )
  batches = [device_mesh.put_batch(batch, mesh, data.rows, data.batch_size) for batch in mine]
  with jax.set_mesh(mesh), nn.logical_axis_rules(device_mesh.flax_rules()):
    metrics = jax.device_get([evaluate(state, frozen, batch, np.int32(i)) for i, batch in enumerate(batches)])
  means = {name: float(np.mean([m[name] for m in metrics])) for name in metrics[0]}
  writer.scalars(step, means, prefix='held_out/')
  params, batch, collections = state.ema_params, batches[0], state.collections
  frozen = frozen.replace(statistics=state.statistics)
  if jax.process_count() > 1:
    # Pictures are drawn by the first process alone, from what all of them hold together.
    params, collections, frozen = multihost_utils.process_allgather((params, collections, frozen), tiled=True)
    batch = held_out[0]
    if jax.process_index():
      return means
  picture = stage.preview(params, frozen, collections, batch, state_lib.rng_for(root, 'preview', 0))
  if picture is not None:
    writer.picture(step, picture)
  return means
