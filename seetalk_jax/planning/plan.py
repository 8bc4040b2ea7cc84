"""Plan of a stage's training step on a TPU topology: memory and time bounds from compilation alone.

python -m seetalk_jax.planning.plan CONFIG SIZE TOPOLOGY RESULT.json whole|part [field=JSON ...]
`seetalk plan` runs this module in a separate process, because libtpu takes locks and prints messages.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import sys
import time
import traceback

import jax
import jax.numpy as jnp

from seetalk_jax import files
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.planning import blueprint, collectives, compiled, memory_traffic
from seetalk_jax.sharding import device_mesh
from seetalk_jax.training import adapted_stage, config_files, flops
from seetalk_jax.training import step as step_lib
from seetalk_jax.training.chips import CHIPS

# Share of the memory that a step can use; the runtime and fragmentation take the rest.
_USABLE = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
  """Bytes of a chip's main memory (HBM).

  Attributes:
    arguments: parameters, optimizer state, batch.
    temporaries: all other arrays, new results included.
    total: sum of both.
    chip: memory of the chip.
  """

  arguments: float
  temporaries: float
  total: float
  chip: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seconds:
  """Lower bounds of the seconds of a step, by arithmetic, memory traffic and links; `step` is the largest."""

  compute: float
  memory: float
  links: float
  step: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
  """Requirements of a training step, per chip. The fields are the JSON of `seetalk plan`.

  Attributes:
    stage, topology, batch_size: inputs of the plan.
    mesh: number of devices along each axis.
    parameters: number of trained parameters.
    fits: whether the step fits the memory of the chip.
    memory: memory in bytes.
    model_flops: FLOPs of loss and gradients without rematerialization.
    hardware_flops: FLOPs with rematerialization.
    memory_traffic: bytes to and from main memory.
    collectives: kind -> number of executions, and bytes that a chip receives.
    seconds: lower bounds of a step.
    compiler_seconds: the compiler's estimate for its kernels, without waiting for other chips. It is not a
      bound. None without `whole`.
    predicted_mfu: upper bound of the model FLOPs utilization: model FLOPs over the peak FLOPs of
      `seconds.step`.
    compile_seconds: seconds of compilation.
  """

  stage: str
  topology: str
  mesh: dict[str, int]
  batch_size: int
  parameters: int
  fits: bool
  memory: Memory
  model_flops: float
  hardware_flops: float
  memory_traffic: float
  collectives: dict[str, collectives.Traffic]
  seconds: Seconds
  compiler_seconds: float | None
  predicted_mfu: float
  compile_seconds: float


def make(
  config, size: str, topology: str, folder: pathlib.Path, say=lambda text: None, *, whole: bool = False
) -> Plan:
  """The plan of a stage on `topology`, one slice such as 'v5p:4x4x8' or 'v5e:16x16'.

  Args:
    config: configuration of the stage.
    size: size of the networks that come from earlier stages.
    topology: the TPU topology.
    folder: an empty folder for the compiler, which can write to it even after this function returns.
    say: callback for progress messages.
    whole: also generate code, which takes many times as long.

  Raises:
    ConfigError: a mesh that does not fit the topology.
    InputError: an unknown topology, or an untested version of libtpu.
  """
  generation, chip, devices = _devices(topology)
  mesh = device_mesh.make_mesh(**config.mesh, devices=devices)
  say(f'mesh {dict(mesh.shape)} of {len(devices)} {generation} chips')
  plan = blueprint.make(config, size)
  shardings = plan.shardings(mesh)
  state = _with_sharding(device_mesh.unbox(plan.state), shardings)
  frozen = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device_mesh.frozen_sharding(x.shape, mesh)),
    plan.frozen.replace(statistics={}),
  )
  pieces, batch_size = config.accumulate, config.data.batch_size
  split = mesh.shape['data'] * mesh.shape['fsdp'] * pieces
  if batch_size % split:
    raise ConfigError(
      f'config.data.batch_size={batch_size} is no multiple of {split}, data x fsdp x accumulate on {topology}: '
      'make it one, or let mesh.tensor take more'
    )
  rows = device_mesh.batch_sharding(mesh)
  batch = {
    name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=rows)
    for name, x in plan.stage.batch_spec(batch_size).items()
  }
  root = jax.random.key(config.seed)
  parameters = sum(math.prod(x.shape) for x in jax.tree.leaves(state.params))
  say(f'{parameters / 1e6:.1f} M trained parameters, batch {batch_size}; compiling')
  began = time.monotonic()
  recipe = step_lib.Recipe(plan.stage, plan.optimizer, config.optimizer, root, pieces)
  lowered, operations = step_lib.lower_step(recipe, mesh, shardings, state, frozen, batch)
  result = compiled.compile_program(lowered, folder, whole=whole)
  seconds = time.monotonic() - began
  say(f'compiled in {seconds:.0f} s')
  with compiled.reading_reports():
    between = collectives.traffic(result.program, len(devices))
    in_memory = memory_traffic.moved(result.program)
    cycles = memory_traffic.cycles(result.program)
  bounds = {
    'compute': operations / len(devices) / chip.flops,
    'memory': in_memory / chip.memory_rate,
    'links': sum(kind.bytes for kind in between.values()) / chip.link_rate,
  }
  longest = max(bounds.values())
  model_flops = _model_flops(plan, state, frozen, batch) / len(devices)
  return Plan(
    stage=config.stage,
    topology=topology,
    mesh=dict(mesh.shape),
    batch_size=batch_size,
    parameters=parameters,
    fits=result.memory <= _USABLE * chip.memory,
    memory=Memory(
      arguments=result.arguments,
      temporaries=result.memory - result.arguments,
      total=result.memory,
      chip=chip.memory,
    ),
    model_flops=model_flops,
    hardware_flops=operations / len(devices),
    memory_traffic=in_memory,
    collectives=between,
    seconds=Seconds(**bounds, step=longest),
    compiler_seconds=cycles / chip.clock or None,
    predicted_mfu=model_flops / chip.flops / longest if longest else 0.0,
    compile_seconds=round(seconds, 1),
  )


def _model_flops(plan: blueprint.Blueprint, state, frozen, batch) -> float:
  """FLOPs of loss and gradients of the whole batch, without rematerialization."""
  networks = {
    name: module.clone(remat='nothing') if hasattr(module, 'remat') else module
    for name, module in plan.stage.networks.items()
  }
  stage = _with_networks(plan.stage, networks)
  frozen = frozen.replace(statistics=plan.frozen.statistics)

  def loss(params, frozen, collections, batch):
    return stage.loss(params, frozen, collections, batch, jax.random.key(0), jnp.int32(0))

  bare = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (state.params, frozen, state.collections, batch)
  )
  return flops.count(jax.make_jaxpr(jax.grad(loss, has_aux=True))(*bare))


def _with_networks(stage, networks):
  if isinstance(stage, adapted_stage.AdaptedStage):
    return dataclasses.replace(stage, stage=_with_networks(stage.stage, networks))
  return dataclasses.replace(stage, networks=networks)


def _with_sharding(tree, shardings):
  return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), tree, shardings)


def _devices(topology: str):
  """(generation, chip, devices) of a topology such as 'v5e:16x16'."""
  from jax.experimental import topologies

  generation = topology.partition(':')[0]
  if generation not in CHIPS:
    raise InputError(
      f'topology {topology!r}, --topology: write GENERATION:AxB or AxBxC with one of {", ".join(CHIPS)}'
    )
  try:
    description = topologies.get_topology_desc(platform='tpu', topology_name=topology)
  except Exception as e:
    first = str(e).strip().splitlines()[0]
    raise InputError(f'topology {topology!r}, --topology: {first} (extra `tpu` brings libtpu)') from e
  return generation, CHIPS[generation], list(description.devices)


def _changed(config, changes: list[str]):
  for change in changes:
    field, _, value = change.partition('=')
    try:
      config.update_from_flattened_dict({field: json.loads(value)})
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as e:
      raise ConfigError(f'--set {change}, command line: {e.args[0] if e.args else e}') from None
  return config


def main(argv: list[str]) -> None:
  """`CONFIG SIZE TOPOLOGY RESULT whole|part [field=JSON ...]`: RESULT gets the plan or {'error': line}."""
  spec, size, topology, result, extent, *changes = argv
  folder = pathlib.Path(result).parent / 'compiler'
  folder.mkdir()
  try:
    path, _, variant = spec.partition(':')
    config = _changed(config_files.load(path, variant), changes)
    size = size or variant or 'demo'
    plan = make(
      config, size, topology, folder, lambda text: print(f'@{text}', flush=True), whole=extent == 'whole'
    )
    content = dataclasses.asdict(plan)
  except InputError as e:
    content = {'error': str(e)}
  except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # as below
  files.write_text(result, json.dumps(content))
  sys.stdout.flush()
  os._exit(0)  # a compiler thread may still run; skip the interpreter shutdown


if __name__ == '__main__':
  main(sys.argv[1:])
