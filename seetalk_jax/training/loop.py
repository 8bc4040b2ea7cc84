"""Training loop: gradient steps, evaluation, checkpoints, metrics and sample pictures, with exact resume."""

from __future__ import annotations

import dataclasses
import pathlib
import signal
import tempfile
from typing import Any

import jax

from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import (
  adapted_stage,
  checkpoint,
  config_ranges,
  features,
  first_state,
  hosts,
  older_runs,
  run_sources,
  single_pass,
  throughput,
)
from seetalk_jax.training import step as step_lib
from seetalk_jax.training.clock import Clock, reason_to_stop
from seetalk_jax.training.held_out import HeldOut
from seetalk_jax.training.initial_weights import (
  InitialWeights,
  check_finished,
  initial_sources,
  load_initial_weights,
)
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.profiling import Profile
from seetalk_jax.training.progress import ProgressBar, announce_compilation, print_message
from seetalk_jax.training.run import Run
from seetalk_jax.training.run_result import Outcome
from seetalk_jax.training.signals import recorded
from seetalk_jax.training.stage_data import DeviceBatches, MakeBatches, StageData
from seetalk_jax.training.training_log import TrainingLog
from seetalk_jax.training.workdir import opened


def train(
  config, workdir: str | pathlib.Path, *, make_batches: MakeBatches | None = None, dry_run: bool = False
) -> Outcome:
  """Trains the stage of a configuration, from the latest checkpoint in the directory if there is one.

  Resuming is exact: k steps, a restart and k more steps give the same result as 2k steps. The checkpoint
  holds the full train state, the seconds trained and the data position. Random keys are a function of (seed,
  stream, step), and a batch is a function of (seed, position). Steps after the last checkpoint are repeated.

  Args:
    config: see configs/.
    workdir: directory for config.json, checkpoints/, metrics.jsonl, tensorboard/ and samples/, and for
      result.json when the run is finished.
    make_batches: used in place of `data.pipeline.make_batches`.
    dry_run: compile and describe the training step but run no step; nothing is written to `workdir`.

  Returns:
    The outcome of the run.

  Raises:
    ConfigError: the run is already finished, another process trains in the directory, or a value is invalid.
    OutputError: the directory cannot be written.
    CheckpointError: a checkpoint does not match the configuration.
    NonFiniteError: a metric is not finite.
  """
  config_ranges.check(config)
  if dry_run:
    with tempfile.TemporaryDirectory(prefix='seetalk-dry-run-') as nowhere:
      return _train(config, pathlib.Path(nowhere), make_batches, dry_run=True)
  with opened(pathlib.Path(workdir)):
    return _train(config, pathlib.Path(workdir), make_batches)


def _train(config, workdir: pathlib.Path, make_batches: MakeBatches | None, dry_run: bool = False) -> Outcome:
  finished = checkpoint.read_result(workdir)
  if finished and not _goes_on(finished, config):
    raise ConfigError(
      f'already trained: {workdir} ended at step {finished["step"]} after {finished["minutes"]:.1f} minutes '
      f'({finished["reason"]}): raise --config.num_steps and --config.max_minutes to go on'
    )
  config = older_runs.with_first_forms(config, workdir)
  initial = load_initial_weights(initial_sources(config))
  stage = adapted_stage.build_adapted_stage(config, initial)
  check_finished(initial, stage.frozen)
  stage.check_frozen(initial.frozen)
  mesh = device_mesh.make_mesh(**config.mesh)
  data = StageData(config, stage, make_batches, mesh)
  corpora = data.directories if make_batches is None else None
  sources = run_sources.list_sources(initial.notes, stage.networks, corpora)
  hosts.check_alike(config)
  best = config.keep_best
  saved = checkpoint.Checkpoints(workdir, config.keep_checkpoints, config.keep_every, best.metric, best.mode)
  # With several processes JAX handles SIGTERM: its preemption service makes them agree on a step.
  numbers = (signal.SIGINT, signal.SIGTERM) if jax.process_count() == 1 else (signal.SIGINT,)
  with saved as checkpoints, recorded(numbers) as signals:
    run = Run(config, workdir, stage, mesh, data, checkpoints, signals, sources)
    if stage.kind == 'pass' and dry_run:
      print_message(f'{stage.name} is one pass over {config.num_steps} batches: it compiles no training step')
      return Outcome(0, 0.0, 'dry run', None, {})
    if stage.kind == 'pass':
      outcome = single_pass.run_pass(run, initial.frozen)
    else:
      outcome = _train_steps(run, initial, dry_run)
    checkpoints.wait()
    if outcome.reason not in ('signal', 'dry run') and jax.process_index() == 0:
      checkpoint.write_result(workdir, dataclasses.asdict(outcome))
  return outcome


def _train_steps(run: Run, initial: InitialWeights, dry_run: bool) -> Outcome:
  """Runs gradient steps until a stop condition.

  Exact resume depends on the order of the actions between two steps.
  """
  config = run.config
  recipe, state, shardings, frozen, seconds, data_index = first_state.make(run, initial)
  start = step = int(state.step)
  clock, profile = Clock(seconds, config), Profile(run.workdir)
  counts = {name: sum(x.size for x in jax.tree.leaves(tree)) for name, tree in state.params.items()}
  print_message('parameters: ' + ', '.join(f'{name} {n / 1e6:.2f} M' for name, n in counts.items()))
  held_out = HeldOut(run, recipe)
  batches = _train_batches(run, frozen, clock, data_index)
  step_fn = None
  with (
    MetricsWriter(run.workdir, start, jax.process_index() == 0) as writer,
    ProgressBar(config.stage, clock, start) as bar,
  ):
    log = TrainingLog(run, clock, batches, writer, bar)

    def evaluate() -> dict[str, float]:
      with clock.paused():
        return held_out.evaluate(state, frozen, step, writer)

    while True:
      reason = reason_to_stop(clock, run.signals, step)
      moved = step > start
      logs = bool(reason) or (moved and step % config.log_every == 0)
      saves = bool(reason) or (moved and step % config.checkpoint_every == 0)
      evaluates = moved and (step % config.sample_every == 0 or reason in ('num_steps', 'max_minutes'))

      if logs:
        log.write(step)
      # The best checkpoint is chosen by the metrics of its own step, so evaluation then runs before saving.
      # Otherwise saving comes first.
      scores = evaluate() if evaluates and config.keep_best.metric else None
      if saves:
        log.write(step)  # raises if a tensor is not finite, so that such a state is never saved
        run.checkpoints.save(step, state, {'seconds': clock.seconds, 'data_index': batches.position}, scores)
      if evaluates and not config.keep_best.metric:
        evaluate()
      if reason:
        break
      if logs:
        profile.start_if_requested()

      batch = next(batches)
      progress = device_mesh.put_scalar(clock.progress(step), run.mesh)
      if step_fn is None:
        announce_compilation('the training step')
        with clock.paused():
          step_fn = step_lib.compile_step(recipe, run.mesh, shardings, state, frozen, batch)
        log.compiled(step_fn, batch, state)
        print_message(f'step compiled, {throughput.describe(step_fn, jax.device_count())}')
        if dry_run:
          batches.close()
          return Outcome(step, 0.0, 'dry run', None, {})
      with jax.transfer_guard('disallow'), jax.profiler.StepTraceAnnotation('train', step_num=step):
        state, metrics = step_fn(state, frozen, batch, progress)
      step += 1
      log.add(metrics)
      profile.after_step(metrics)
    profile.stop()
  batches.close()
  return Outcome(step, clock.minutes, reason, run.signals.caught, log.means)


def _train_batches(run: Run, frozen: base.Frozen, clock: Clock, data_index: int) -> DeviceBatches:
  """Batches of the train split, or of their cached features, starting at batch `data_index`."""
  if run.config.data.cached_samples:
    read = first_state.only(
      frozen, run.stage.frozen
    )  # features do not depend on the bases of low-rank factors
    with clock.paused():
      batches = features.cached_batches(run.config, run.stage, read, run.data, data_index)
    return DeviceBatches(batches, None, run.data, run.mesh)
  names = run.stage.batch_spec(run.data.batch_size)
  return DeviceBatches(run.data.train(start_index=data_index), names, run.data, run.mesh)


def _goes_on(finished: dict[str, Any], config) -> bool:
  more_time = not config.max_minutes or finished['minutes'] < config.max_minutes
  return finished['step'] < config.num_steps and more_time
