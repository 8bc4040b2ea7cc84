"""The training loop: data in, checkpoints, metrics and sample pictures out; resumes after any kill."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base
from seetalk_jax.training import checkpoint, features, lora, sharding, watch
from seetalk_jax.training import state as state_lib
from seetalk_jax.training import step as step_lib
from seetalk_jax.training.given import check_finished, complete, fresh_parts, load_given
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.stage_data import MakeBatches, StageData, close

_STEPS_AHEAD = 2  # dispatched before their predecessors are done


class NonFiniteError(FloatingPointError):
  """A metric became NaN or infinite; the message names it, the step, and the last good checkpoint."""


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How a run ended.

  Attributes:
    step: gradient steps taken in all (batches, for a pass over the data).
    minutes: training time in all, over resumed runs.
    reason: 'num_steps', 'max_minutes', or 'signal' (interrupted: the run can be resumed).
    signal: number of the signal, or None.
    metrics: means over the last logging interval.
  """

  step: int
  minutes: float
  reason: str
  signal: int | None
  metrics: dict[str, float]


def train(config, workdir: str | pathlib.Path, *, make_batches: MakeBatches | None = None) -> Outcome:
  """Trains the stage of a configuration in a directory, from its latest checkpoint if it has one.

  Resume rule: the checkpoint holds the whole train state, the seconds trained and the data position; all
  randomness is a function of (seed, stream, step); a batch is a function of (seed, position). So k steps, a
  restart and k steps are 2k steps. What happened after the last checkpoint is done again.

  Args:
    config: see configs/.
    workdir: gets config.json, checkpoints/, metrics.jsonl, tensorboard/, samples/; result.json once finished.
    make_batches: stands in for `data.pipeline.make_batches`.

  Raises:
    ConfigError: the run is already finished, or a value cannot be used.
    CheckpointError: a checkpoint does not fit the configuration.
    NonFiniteError: a metric is not finite.
  """
  workdir = pathlib.Path(workdir)
  finished = checkpoint.read_result(workdir)
  if finished and not _goes_on(finished, config):
    raise ConfigError(
      f'already trained: {workdir} ended at step {finished["step"]} after {finished["minutes"]:.1f} minutes '
      f'({finished["reason"]}): raise --config.num_steps and --config.max_minutes to go on'
    )
  given, frozen = load_given(config.init)
  stage = base.build_stage(config, given)
  check_finished(config.init, stage.frozen)
  stage = lora.adapt(stage, config, given)
  data = StageData(config, stage, make_batches)
  run = _train_pass if base.is_pass(stage) else _train_steps
  saved = checkpoint.Checkpoints(workdir, keep=config.keep_checkpoints)
  with saved as checkpoints, watch.Signals() as signals:
    outcome = run(config, workdir, stage, given, frozen, data, checkpoints, signals)
    checkpoints.wait()
    if outcome.reason != 'signal' and jax.process_index() == 0:
      checkpoint.write_result(workdir, dataclasses.asdict(outcome))
  return outcome


def _train_steps(config, workdir, stage, given, frozen, data, checkpoints, signals) -> Outcome:
  # ---------------------------------------------------------------- mesh, statistics, shapes
  mesh = sharding.make_mesh(**config.mesh)
  root = jax.random.key(config.seed)
  frozen = _with_statistics(stage, frozen, data, checkpoints)
  optimizer = state_lib.make_optimizer(
    stage, config.optimizer, config.get('unfreeze', ''), _fresh_paths(stage, given, config)
  )
  init_rng = state_lib.rng_for(root, 'init', 0)

  def create(frozen):
    return state_lib.create_state(stage, optimizer, init_rng, frozen)

  boxed = jax.eval_shape(create, frozen)
  shardings = sharding.state_shardings(boxed, mesh)
  abstract = jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), sharding.unbox(boxed), shardings
  )

  # ---------------------------------------------------------------- first state, or the latest checkpoint
  if checkpoints.latest is not None:
    state, meta = checkpoints.restore(abstract)
    watch.say(f'resumed {workdir} at step {int(state.step)}')
  else:
    # Random numbers for hundreds of arrays compile slowly and run once: nothing is optimised for them.
    quick = {'xla_backend_optimization_level': 0} if jax.default_backend() == 'cpu' else None
    first = jax.jit(lambda f: sharding.unbox(create(f)), out_shardings=shardings, compiler_options=quick)
    state = first(frozen)
    state = _start_from(state, stage, given, frozen, shardings, config)
    meta = {'seconds': 0.0, 'data_index': 0}
  if jax.process_index() == 0:
    checkpoint.write_config(workdir, config, stage.networks, lora.describe(stage, frozen))
  bases = sharding.put_frozen({name: frozen.params[name] for name in lora.adapted_by(stage)}, mesh)
  frozen = sharding.put_frozen(frozen.replace(statistics={}, **_only(frozen, stage.frozen)), mesh)
  start = int(state.step)
  clock = watch.Clock(meta['seconds'], config)
  counts = {name: sum(x.size for x in jax.tree.leaves(tree)) for name, tree in state.params.items()}
  watch.say('parameters: ' + ', '.join(f'{name} {n / 1e6:.2f} M' for name, n in counts.items()))

  # ---------------------------------------------------------------- data, compiled step
  spec = stage.batch_spec(data.local_batch_size)
  held_out = data.held_out(spec)
  cached = config.data.get('cached_samples', 0)
  if cached:
    with clock.paused():
      batches = features.cached_batches(config, stage, frozen, data, meta['data_index'])
  else:
    batches = data.train(start_index=meta['data_index'])

  frozen = frozen.replace(params={**frozen.params, **bases})  # only now: features do not depend on them

  waited = 0.0

  def draw():
    nonlocal waited
    began = time.monotonic()
    batch = next(batches)
    waited += time.monotonic() - began
    return sharding.put_batch({name: batch[name] for name in (batch if cached else spec)}, mesh)

  evaluate = jax.jit(lambda *args: step_lib.eval_step(stage, root, *args))
  step_fn, recent, means = None, [], {}
  with MetricsWriter(workdir, start, jax.process_index() == 0) as writer, watch.Bar(config, start) as bar:

    def check_and_log(step):
      nonlocal recent, means, waited
      if recent:
        means = _finite_means(recent, step, checkpoints.latest)
        means['steps_per_second'] = clock.rate(len(recent))
        means['waiting_for_input'] = waited * means['steps_per_second'] / len(recent)  # share of the time
        waited = 0.0
        writer.scalars(step, {**means, 'minutes': clock.minutes})
        bar.log(step, means, clock.seconds_left(step))
      recent = []

    def save(step):
      checkpoints.save(step, state, {'seconds': clock.seconds, 'data_index': int(batches.get_state())})

    # -------------------------------------------------------------- loop: log, save, sample, batch, step
    step = start
    while True:
      reason = watch.reason_to_stop(clock, signals, step)
      if reason or (step > start and step % config.log_every == 0):
        check_and_log(step)
      if reason or (step > start and step % config.checkpoint_every == 0):
        check_and_log(step)  # nothing that is not finite reaches the disk
        save(step)
      if step > start and (step % config.sample_every == 0 or reason in ('num_steps', 'max_minutes')):
        with clock.paused():
          _sample(stage, evaluate, root, state, frozen, held_out, mesh, step, writer)
      if reason:
        break
      batch = draw()
      progress = jax.device_put(np.float32(clock.progress(step)), sharding.replicated(mesh))
      if step_fn is None:
        with clock.paused():
          step_fn = step_lib.compile_step(
            stage, optimizer, config.optimizer, root, mesh, shardings, state, frozen, batch
          )
        watch.say(f'step compiled, {_memory(step_fn)}')
      with jax.transfer_guard('disallow'), jax.profiler.StepTraceAnnotation('train', step_num=step):
        state, metrics = step_fn(state, frozen, batch, progress)
      recent.append(metrics)
      if len(recent) > _STEPS_AHEAD:  # so that signals and the clock mean the present
        jax.block_until_ready(recent[-_STEPS_AHEAD - 1])
      step += 1
      bar.advance()
  close(batches)
  return Outcome(step, clock.minutes, reason, signals.caught, means)


def _train_pass(config, workdir, stage, given, frozen, data, checkpoints, signals) -> Outcome:
  """One pass over `num_steps` batches that ends in statistics; short, so it restarts instead of resuming."""
  del given
  if jax.process_index() == 0:
    checkpoint.write_config(workdir, config, stage.networks)
  mesh = sharding.make_mesh(**config.mesh)
  statistics = dict(frozen.statistics)
  frozen = sharding.put_frozen(frozen, mesh)
  spec = stage.batch_spec(data.local_batch_size)
  clock = watch.Clock(0.0, config)
  update = jax.jit(stage.update, donate_argnums=0)
  accumulator = jax.jit(stage.start)(frozen)
  step, batches = 0, data.train(start_index=0)
  with watch.Bar(config, 0) as bar:
    while not (reason := watch.reason_to_stop(clock, signals, step)):
      batch = next(batches)
      batch = sharding.put_batch({name: batch[name] for name in spec}, mesh)
      accumulator = update(accumulator, frozen, batch)
      step += 1
      bar.advance()
  close(batches)
  if reason == 'signal':
    return Outcome(step, clock.minutes, reason, signals.caught, {})
  statistics |= {name: np.asarray(value) for name, value in stage.finalize(accumulator).items()}
  wrong = [name for name, value in statistics.items() if not np.all(np.isfinite(value))]
  if wrong:
    raise NonFiniteError(f'statistic {wrong[0]} of stage {stage.name} is not finite after {step} batches')
  state = state_lib.TrainState(np.int32(step), {}, {}, {}, {}, statistics)
  checkpoints.save(step, state, {'seconds': clock.seconds, 'data_index': step})
  picture = None
  if hasattr(stage, 'preview'):
    picture = stage.preview({}, frozen.replace(statistics=statistics), {}, batch, jax.random.key(config.seed))
  if picture is not None:
    with MetricsWriter(workdir, 0, jax.process_index() == 0) as writer:
      writer.picture(step, picture)
  return Outcome(step, clock.minutes, reason, None, {})


def _with_statistics(stage, frozen, data, checkpoints) -> base.Frozen:
  """Frozen with the statistics of the run: those of its checkpoint, or computed now."""
  if checkpoints.latest is not None:
    return frozen.replace(statistics=checkpoints.read(('statistics',))['statistics'])
  batches = data.train(start_index=0)
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
    if name not in lora.adapted_by(stage):  # factors are all new
      own = complete(frozen.params[name], state.params[name], new)
      checkpoint.check_same_shapes(name, own, state.params[name], config.init[name])
      for part in ('params', 'ema_params'):
        parts[part][name] = jax.device_put(own, getattr(shardings, part)[name])
    if name in frozen.collections and name in state.collections:
      parts['collections'][name] = jax.device_put(frozen.collections[name], shardings.collections[name])
    added = f', its {", ".join(new)} anew' if new else ''
    watch.say(f'{name} starts from {config.init[name]}{added}')
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


def _finite_means(recent: list[dict[str, jax.Array]], step: int, latest: int | None) -> dict[str, float]:
  host = jax.device_get(recent)
  for index, metrics in enumerate(host):
    wrong = [name for name, value in metrics.items() if not np.isfinite(value)]
    if wrong:
      values = ', '.join(f'{name} is {metrics[name]}' for name in wrong)
      good = 'none' if latest is None else f'step {latest}'
      raise NonFiniteError(f'{values} at step {step - len(host) + index + 1}; last good checkpoint: {good}')
  return {name: float(np.mean([metrics[name] for metrics in host])) for name in host[0]}


def _sample(stage, evaluate, root, state, frozen, held_out, mesh, step, writer) -> None:
  """Held-out metrics and the stage's picture, both with EMA parameters on the same batches every time."""
  if not held_out:
    return
  batches = [sharding.put_batch(batch, mesh) for batch in held_out]
  with jax.set_mesh(mesh), nn.logical_axis_rules(sharding.flax_rules()):
    metrics = jax.device_get([evaluate(state, frozen, batch, np.int32(i)) for i, batch in enumerate(batches)])
  writer.scalars(step, {name: np.mean([m[name] for m in metrics]) for name in metrics[0]}, prefix='held_out/')
  picture = stage.preview(
    state.ema_params,
    frozen.replace(statistics=state.statistics),
    state.collections,
    batches[0],
    state_lib.rng_for(root, 'preview', 0),
  )
  if picture is not None:
    writer.picture(step, picture)


def _memory(compiled) -> str:
  analysis = compiled.memory_analysis()
  if analysis is None:
    return 'memory unknown'
  size = analysis.argument_size_in_bytes + analysis.temp_size_in_bytes
  return f'{size / 2**20:.0f} MiB arguments and temporaries per device'


def _goes_on(finished: dict[str, Any], config) -> bool:
  more_time = not config.max_minutes or finished['minutes'] < config.max_minutes
  return finished['step'] < config.num_steps and more_time
