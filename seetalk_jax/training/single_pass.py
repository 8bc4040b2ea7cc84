"""Single-pass stages: statistics computed in one pass over the data, without gradients."""

from __future__ import annotations

import jax
import numpy as np

from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import checkpoint, sample_picture
from seetalk_jax.training import state as state_lib
from seetalk_jax.training.clock import Clock, reason_to_stop
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.progress import ProgressBar, announce_compilation
from seetalk_jax.training.run import Run
from seetalk_jax.training.run_result import NonFiniteError, Outcome


def run_pass(run: Run, frozen: base.Frozen) -> Outcome:
  """Computes the statistics of a stage in one pass over `num_steps` batches and saves them as a checkpoint.

  The pass is short; an interrupted one starts again from the first batch.

  Raises:
    NonFiniteError: a statistic is not finite.
  """
  config, workdir, stage, data, mesh = run.config, run.workdir, run.stage, run.data, run.mesh
  if jax.process_index() == 0:
    checkpoint.write_config(workdir, config, stage.networks, sources=run.sources)
  statistics = dict(frozen.statistics)
  frozen = device_mesh.put_frozen(frozen, mesh)
  spec = stage.batch_spec(data.batch_size)
  clock = Clock(0.0, config)
  everywhere = device_mesh.replicated(mesh)  # every process must be able to read the sums
  update = jax.jit(stage.update, donate_argnums=0, out_shardings=everywhere)
  step, batches = 0, data.train(start_index=0)
  accumulator = jax.jit(stage.start, out_shardings=everywhere)(frozen)
  announce_compilation(f'the pass of stage {stage.name}')
  with ProgressBar(stage.name, clock, 0) as bar:
    while not (reason := reason_to_stop(clock, run.signals, step)):
      batch = next(batches)
      batch = device_mesh.put_batch({name: batch[name] for name in spec}, mesh, data.rows, data.batch_size)
      accumulator = update(accumulator, frozen, batch)
      step += 1
      bar.advance()
  batches.close()
  if reason == 'signal':
    return Outcome(step, clock.minutes, reason, run.signals.caught, {})
  statistics |= jax.tree.map(np.asarray, stage.finalize(accumulator))
  wrong = [
    name for values in statistics.values() for name, value in values.items() if not np.all(np.isfinite(value))
  ]
  if wrong:
    raise NonFiniteError(f'statistic {wrong[0]} of stage {stage.name} is not finite after {step} batches')
  state = state_lib.TrainState(np.int32(step), {}, {}, {}, {}, statistics)
  run.checkpoints.save(step, state, {'seconds': clock.seconds, 'data_index': step})
  picture = None
  if jax.process_count() == 1:
    picture = stage.preview({}, frozen.replace(statistics=statistics), {}, batch, jax.random.key(config.seed))
  if picture is not None:
    with MetricsWriter(workdir, 0, jax.process_index() == 0) as writer:
      writer.picture(step, sample_picture.labeled(picture, stage.preview_rows))
  return Outcome(step, clock.minutes, reason, None, {})
