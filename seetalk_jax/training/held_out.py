"""Held-out evaluation during training: metrics and sample pictures."""

from __future__ import annotations

import functools

import jax
import numpy as np
from flax import linen as nn

from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base, figures
from seetalk_jax.training import sample_picture
from seetalk_jax.training import state as state_lib
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.progress import announce_compilation
from seetalk_jax.training.run import Run
from seetalk_jax.training.step import Recipe, eval_step


class HeldOut:
  """Evaluation with EMA parameters on the first batches of the held-out split.

  The batches are the same every time. Every process keeps its rows of them in memory.
  """

  def __init__(self, run: Run, recipe: Recipe):
    self._run, self._recipe = run, recipe
    self._batches = run.data.held_out(run.stage.batch_spec(run.data.batch_size))
    self._evaluate = jax.jit(functools.partial(eval_step, recipe))
    self._compiled = False

  def evaluate(
    self, state: state_lib.TrainState, frozen: base.Frozen, step: int, writer: MetricsWriter
  ) -> dict[str, float]:
    """Writes metrics and sample picture of the stage; returns the metrics, {} without held-out batches."""
    if not self._batches:
      return {}
    if not self._compiled:
      announce_compilation('held-out metrics and the sample picture')
      self._compiled = True
    mesh, data = self._run.mesh, self._run.data
    batches = [device_mesh.put_batch(batch, mesh, data.rows, data.batch_size) for batch in self._batches]
    with jax.set_mesh(mesh), nn.logical_axis_rules(device_mesh.flax_rules()):
      metrics = jax.device_get(
        [self._evaluate(state, frozen, batch, np.int32(i)) for i, batch in enumerate(batches)]
      )
    means = figures.means(metrics)
    writer.scalars(step, means, prefix='held_out/')
    picture = self._preview(state, frozen.replace(statistics=state.statistics), batches[0])
    if picture is not None:
      writer.picture(step, sample_picture.labeled(picture, self._run.stage.preview_rows))
    return means

  def _preview(self, state, frozen, batch) -> np.ndarray | None:
    """Sample picture of the stage, computed by the first process alone from arrays gathered from all."""
    params, collections = state.ema_params, state.averaged_collections
    if jax.process_count() > 1:
      shown = jax.jit(lambda batch: {name: x[: base.PREVIEW_ROWS] for name, x in batch.items()})(batch)
      params, collections, frozen, batch = device_mesh.to_host((params, collections, frozen, shown))
      if jax.process_index():
        return None
    rng = state_lib.rng_for(self._recipe.root, 'preview', 0)
    return self._run.stage.preview(params, frozen, collections, batch, rng)
