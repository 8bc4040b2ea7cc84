"""The training loop: data in, checkpoints, metrics and sample pictures out; resumes after any kill."""

from __future__ import annotations

import dataclasses
import pathlib
import signal
import tempfile
import time
from typing import Any

import jax
import numpy as np

from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import (
  adapted_stage,
  checkpoint,
  features,
  health,
  held_out,
  hosts,
  single_pass,
  throughput,
)
from seetalk_jax.training import state as state_lib
from seetalk_jax.training import step as step_lib
from seetalk_jax.training.clock import Clock, reason_to_stop
from seetalk_jax.training.initial_weights import (
  check_finished,
  complete,
  fresh_parts,
  kept_statistics,
  load_given,
  used_places,
)
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.profiling import Profile
from seetalk_jax.training.progress import ProgressBar, print_message
from seetalk_jax.training.run_result import Outcome
from seetalk_jax.training.signals import recorded
from seetalk_jax.training.stage_data import MakeBatches, StageData, close

_STEPS_AHEAD = 2  # dispatched before their predecessors are done


def train(
  config, workdir: str | pathlib.Path, *, make_batches: MakeBatches | None = None, dry_run: bool = False
) -> Outcome:
  """Trains the stage of a configuration in a directory, from its latest checkpoint if it has one.

  Resume rule: the checkpoint holds the whole train state, the seconds trained and the data position; all
  randomness is a function of (seed, stream, step); a batch is a function of (seed, position). So k steps, a
  restart and k steps are 2k steps. What happened after the last checkpoint is done again.

  Args:
    config: see configs/.
    workdir: gets config.json, checkpoints/, metrics.jsonl, tensorboard/, samples/; result.json once finished.
    make_batches: stands in for `data.pipeline.make_batches`.
    dry_run: everything up to the compiled step, which is described and not taken; nothing is written.

  Raises:
    ConfigError: the run is already finished, or a value cannot be used.
    CheckpointError: a checkpoint does not fit the configuration.
    NonFiniteError: a metric is not finite.
  """
  if dry_run:
    with tempfile.TemporaryDirectory(prefix='seetalk-dry-run-') as nowhere:
      return _train(config, pathlib.Path(nowhere), make_batches, dry_run=True)
  return _train(config, pathlib.Path(workdir), make_batches)


def _train(config, workdir: pathlib.Path, make_batches: MakeBatches | None, dry_run: bool = False) -> Outcome:
  finished = checkpoint.read_result(workdir)
  if finished and not _goes_on(finished, config):
    raise ConfigError(
      f'already trained: {workdir} ended at step {finished["step"]} after {finished["minutes"]:.1f} minutes '
      f'({finished["reason"]}): raise --config.num_steps and --config.max_minutes to go on'
    )
  places = used_places(config)
  given, frozen = load_given(places)
  stage = adapted_stage.build_adapted_stage(config, given)
  check_finished(places, stage.frozen)
  frozen = frozen.replace(statistics=kept_statistics(stage, places, frozen.statistics))
  mesh = device_mesh.make_mesh(**config.mesh)
  data = StageData(config, stage, make_batches, mesh)
  hosts.check_alike(config)
  saved = checkpoint.Checkpoints(workdir, config.keep_checkpoints, config.keep_every, config.keep_best)
  # With several processes SIGTERM is JAX's own: its preemption service lets all of them agree on a step.
  numbers = (signal.SIGINT, signal.SIGTERM) if jax.process_count() == 1 else (signal.SIGINT,)
  with saved as checkpoints, recorded(numbers) as signals:
    if base.is_pass(stage) and dry_run:
      print_message(f'{stage.name} is one pass over {config.num_steps} batches: it compiles no training step')
      return Outcome(0, 0.0, 'dry run', None, {})
    if base.is_pass(stage):
      outcome = single_pass.run(config, workdir, stage, frozen, data, mesh, checkpoints, signals)
    else:
      outcome = _train_steps(config, workdir, stage, given, frozen, data, mesh, checkpoints, signals, dry_run)
    checkpoints.wait()
    if outcome.reason not in ('signal', 'dry run') and jax.process_index() == 0:
      checkpoint.write_result(workdir, dataclasses.asdict(outcome))
  return outcome


def _train_steps(config, workdir, stage, given, frozen, data, mesh, checkpoints, signals, dry_run) -> Outcome:
  # ---------------------------------------------------------------- statistics, shapes
  root = jax.random.key(config.seed)
  frozen = _with_statistics(stage, frozen, data, checkpoints)
  optimizer = state_lib.make_optimizer(
    stage, config.optimizer, config.unfreeze, _fresh_paths(stage, given, config)
  )
  init_rng = state_lib.rng_for(root, 'init', 0)

  def create(frozen):
    return state_lib.create_state(stage, optimizer, init_rng, frozen)

  boxed = jax.eval_shape(create, frozen)
  shardings = device_mesh.state_shardings(boxed, mesh)
  abstract = jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), device_mesh.unbox(boxed), shardings
  )

  # ---------------------------------------------------------------- first state, or the latest checkpoint
  if checkpoints.latest is not None:
    state, meta = checkpoints.restore(abstract)
    print_message(f'resumed {workdir} at step {int(state.step)}')
  else:
    # Random numbers for hundreds of arrays compile slowly and run once: nothing is optimised for them.
    quick = {'xla_backend_optimization_level': 0} if jax.default_backend() == 'cpu' else None
    first = jax.jit(lambda f: device_mesh.unbox(create(f)), out_shardings=shardings, compiler_options=quick)
    state = first(frozen)
    state = _start_from(state, stage, given, frozen, shardings, config)
    meta = {'seconds': 0.0, 'data_index': 0}
  if jax.process_index() == 0:
    checkpoint.write_config(workdir, config, stage.networks, adapted_stage.describe(stage, frozen))
  bases = device_mesh.put_frozen(
    {name: frozen.params[name] for name in adapted_stage.adapted_by(stage)}, mesh
  )
  frozen = device_mesh.put_frozen(frozen.replace(statistics={}, **_only(frozen, stage.frozen)), mesh)
  start = int(state.step)
  clock = Clock(meta['seconds'], config)
  counts = {name: sum(x.size for x in jax.tree.leaves(tree)) for name, tree in state.params.items()}
  print_message('parameters: ' + ', '.join(f'{name} {n / 1e6:.2f} M' for name, n in counts.items()))

  # ---------------------------------------------------------------- data, compiled step
  spec = stage.batch_spec(data.batch_size)
  kept = data.held_out(spec)
  cached = config.data.cached_samples
  if cached:
    with clock.paused():
      batches = features.cached_batches(config, stage, frozen, data, meta['data_index'])
  else:
    batches = data.train(start_index=meta['data_index'])

  frozen = frozen.replace(params={**frozen.params, **bases})  # only now: features do not depend on them

  waited, pieces = 0.0, config.accumulate

  def draw():
    nonlocal waited
    began = time.monotonic()
    batch = next(batches)
    waited += time.monotonic() - began
    batch = {name: batch[name] for name in (batch if cached else spec)}
    return device_mesh.put_batch(batch, mesh, data.rows, data.batch_size)

  evaluate = jax.jit(lambda *args: step_lib.eval_step(stage, root, *args))
  step_fn, recent, means, bad_names = None, [], {}, []
  best, profile = config.keep_best, Profile(workdir)
  with (
    MetricsWriter(workdir, start, jax.process_index() == 0) as writer,
    ProgressBar(config, start) as bar,
  ):

    def check_and_log(step):
      nonlocal recent, means, waited
      if recent:
        means = health.finite_means(recent, step, checkpoints.latest, bad_names)
        rate = clock.rate(len(recent))
        means['steps_per_second'] = rate
        means['waiting_for_input'] = waited * rate / len(recent)  # share of the time
        means |= throughput.of(rate, config.data.batch_size, step_fn.flops)
        waited = 0.0
        writer.scalars(step, {**means, 'minutes': clock.minutes})
        bar.log(step, means, clock.seconds_left(step))
      recent = []

    def save(step, metrics):
      meta = {'seconds': clock.seconds, 'data_index': int(batches.get_state())}
      checkpoints.save(step, state, meta, metrics)

    def look(step):
      with clock.paused():
        return held_out.look(stage, evaluate, root, state, frozen, kept, data, mesh, step, writer)

    # -------------------------------------------------------------- loop: log, save, sample, batch, step
    step = start
    while True:
      reason = reason_to_stop(clock, signals, step)
      if reason or (step > start and step % config.log_every == 0):
        check_and_log(step)
      looks = step > start and (step % config.sample_every == 0 or reason in ('num_steps', 'max_minutes'))
      seen = look(step) if looks and best else None  # the best is known by it when it is saved
      if reason or (step > start and step % config.checkpoint_every == 0):
        check_and_log(step)  # nothing that is not finite reaches the disk
        save(step, seen)
      if looks and not best:
        look(step)
      if reason:
        break
      if step > start and step % config.log_every == 0:
        profile.start_if_requested()
      batch = draw()
      progress = device_mesh.put_scalar(clock.progress(step), mesh)
      if step_fn is None:
        with clock.paused():
          step_fn = step_lib.compile_step(
            stage, optimizer, config.optimizer, root, mesh, shardings, state, frozen, batch, pieces
          )
        bad_names = health.names(batch, state.params, state.params)
        print_message(f'step compiled, {throughput.describe(step_fn, jax.device_count())}')
        if dry_run:
          close(batches)
          return Outcome(step, 0.0, 'dry run', None, {})
      with jax.transfer_guard('disallow'), jax.profiler.StepTraceAnnotation('train', step_num=step):
        state, metrics = step_fn(state, frozen, batch, progress)
      recent.append(metrics)
      if len(recent) > _STEPS_AHEAD:  # so that signals and the clock mean the present
        jax.block_until_ready(recent[-_STEPS_AHEAD - 1])
      profile.after_step(metrics)
      step += 1
      bar.advance()
    profile.stop()
  close(batches)
  return Outcome(step, clock.minutes, reason, signals.caught, means)


def _with_statistics(stage, frozen, data, checkpoints) -> base.Frozen:
  """Frozen with the statistics of the run: those of its checkpoint, or computed now."""
  if checkpoints.latest is not None:
    return frozen.replace(statistics=checkpoints.read(('statistics',))['statistics'])
  batches = data.train(start_index=0, rows=range(data.batch_size))  # the same statistics in every process
  try:
    own = stage.prepare(frozen, batches)
  finally:
    close(batches)
  return frozen.replace(statistics={**frozen.statistics, **{k: np.asarray(v) for k, v in own.items()}})


def _start_from(state, stage, given, frozen, shardings, config):
  """The first state with the given parameters in those trained networks that start from a checkpoint."""
  parts = {name: dict(getattr(state, name)) for name in ('params', 'ema_params', 'collections')}
  for name in stage.networks:
    if name not in given:
      continue
    new = fresh_parts(config.init[name], name)
    if name not in adapted_stage.adapted_by(stage):  # factors are all new
      own = complete(frozen.params[name], state.params[name], new)
      checkpoint.check_same_shapes(name, own, state.params[name], config.init[name])
      for part in ('params', 'ema_params'):
        parts[part][name] = jax.device_put(own, getattr(shardings, part)[name])
    if name in frozen.collections and name in state.collections:
      parts['collections'][name] = jax.device_put(frozen.collections[name], shardings.collections[name])
    added = f', its {", ".join(new)} anew' if new else ''
    print_message(f'{name} starts from {config.init[name]}{added}')
  return state.replace(**parts)


def _fresh_paths(stage, given, config) -> list[str]:
  """Beginnings of the paths of parameters that given networks lack."""
  named = [(name, config.init[name]) for name in stage.networks if name in given]
  return [f'{name}/{part}' for name, where in named for part in fresh_parts(where, name)]


def _only(frozen: base.Frozen, names) -> dict[str, Any]:
  """Params and collections of the networks that the stage reads, not of those it trains from a checkpoint."""
  return {
    'params': {k: v for k, v in frozen.params.items() if k in names},
    'collections': {k: v for k, v in frozen.collections.items() if k in names},
  }


def _goes_on(finished: dict[str, Any], config) -> bool:
  more_time = not config.max_minutes or finished['minutes'] < config.max_minutes
  return finished['step'] < config.num_steps and more_time
