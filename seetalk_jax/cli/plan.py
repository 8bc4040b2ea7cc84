"""Experimental: say whether a training stage fits a TPU topology, and what bounds its step, without a TPU. The real
training step is compiled ahead of time for the named chips, and the texts that the compiler writes are read; another
version of libtpu may write others, and is refused then. Needs the extra tpu (libtpu)."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from seetalk_jax import files
from seetalk_jax.errors import InputError, OutputError

HELP = 'experimental: does a training stage fit a TPU topology, and what bounds it'
EXAMPLE = 'seetalk plan --config configs/portrait.py:base --topology v5p:4x4x8'
GIB = 2**30


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk plan`."""
  parser.add_argument(
    '--config',
    required=True,
    metavar='STAGE:VARIANT',
    help='configuration as for seetalk train: STAGE:VARIANT or FILE.py:VARIANT',
  )
  parser.add_argument(
    '--topology',
    required=True,
    metavar='TPU',
    help='v4, v5e, v5p or v6e and the shape in chips: v5e:16x16, v5p:4x4x8',
  )
  parser.add_argument(
    '--set',
    action='append',
    default=[],
    metavar='FIELD=JSON',
    help='field of the configuration: mesh.fsdp=64, data.batch_size=512; may be given several times',
  )
  parser.add_argument(
    '--size',
    default='',
    help='size of the networks from earlier stages, such as demo or base (default: the variant)',
  )
  parser.add_argument(
    '--whole',
    action='store_true',
    help="generate code too: takes many times as long, adds the compiler's estimate of its kernels",
  )
  parser.add_argument('--again', action='store_true', help='compile even if the same plan was made before')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no progress')


def run(args: argparse.Namespace) -> None:
  """Prints the plan, from the cache or from a process that compiles it."""
  from seetalk_jax.training import config_files

  changes = [_change(text) for text in args.set]
  config_files.find(args.config.partition(':')[0])
  kept = _cache_path(args, changes)
  if kept is not None and kept.exists() and not args.again:
    plan = json.loads(kept.read_text())
  else:
    plan = _compile(args, changes)
    if kept is not None:
      with contextlib.suppress(OutputError):  # the cache only saves time
        files.write_text(kept, json.dumps(plan))
  print(json.dumps(plan) if args.json else describe(plan))


def _change(text: str) -> str:
  field, _, value = text.partition('=')
  try:
    json.loads(value)
  except ValueError:
    raise InputError(f'--set {text}, command line: write FIELD=JSON, like mesh.fsdp=64') from None
  if not field:
    raise InputError(f'--set {text}, command line: write FIELD=JSON, like mesh.fsdp=64')
  return text


def _cache_path(args: argparse.Namespace, changes: list[str]) -> pathlib.Path | None:
  """Cache file of the plan for these arguments, this code and these configurations; None without a cache."""
  import importlib.metadata as metadata

  from seetalk_jax.training import config_files

  folder = config_files.find(args.config.partition(':')[0]).parent
  settings = [args.config, args.topology, args.size, args.whole, changes, files.code_checksum()]
  total = hashlib.sha256(json.dumps(settings).encode())
  for path in sorted(folder.glob('*.py')):
    total.update(path.read_bytes())
  for name in ('jax', 'jaxlib', 'libtpu'):
    try:
      total.update(metadata.version(name).encode())
    except metadata.PackageNotFoundError:
      total.update(b'none')
  folder = files.cache_dir()
  return None if folder is None else folder / 'plans' / f'{total.hexdigest()[:32]}.json'


def _compile(args: argparse.Namespace, changes: list[str]) -> dict[str, Any]:
  with tempfile.TemporaryDirectory(prefix='seetalk-plan-') as folder:
    result, log = pathlib.Path(folder) / 'plan.json', pathlib.Path(folder) / 'log'
    command = [
      sys.executable,
      '-m',
      'seetalk_jax.planning.plan',
      args.config,
      args.size,
      args.topology,
      str(result),
      'whole' if args.whole else 'part',
    ]
    # JAX must not search for a TPU: only its compiler is used.
    environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'TPU_SKIP_MDS_QUERY': '1', 'TPU_LOG_DIR': folder}
    environment['ALLOW_MULTIPLE_LIBTPU_LOAD'] = '1'  # without a TPU, several processes can load libtpu
    with log.open('w') as noise:
      process = subprocess.Popen(
        [*command, *changes], env=environment, stdout=subprocess.PIPE, stderr=noise, text=True
      )
      try:
        _follow(process, quiet=args.quiet or args.json)
      finally:
        process.kill()
        process.wait()
    if not result.exists():
      raise RuntimeError(f'planning failed:\n{log.read_text()[-4000:]}')
    plan = json.loads(result.read_text())
  if 'error' in plan:
    raise InputError(plan['error'])
  return plan


def _follow(process: subprocess.Popen, quiet: bool) -> None:
  """Prints the progress messages of the process to stderr, with the elapsed time on a terminal."""
  said, done, began = ['starting'], threading.Event(), time.monotonic()

  def clock():
    while not done.wait(1.0):
      print(f'\r{said[0]} ({time.monotonic() - began:.0f} s)', end='\x1b[K', file=sys.stderr, flush=True)

  ticking = not quiet and sys.stderr.isatty()
  if ticking:
    threading.Thread(target=clock, daemon=True).start()
  for line in process.stdout:
    if line.startswith('@'):
      said[0] = line[1:].strip()
      if not quiet and not ticking:
        print(said[0], file=sys.stderr, flush=True)
  done.set()
  if ticking:
    print('\r', end='\x1b[K', file=sys.stderr, flush=True)
  process.wait()


def describe(plan: dict[str, Any]) -> str:
  """Text form of a plan."""
  memory, seconds = plan['memory'], plan['seconds']
  mesh = ' x '.join(f'{name} {size}' for name, size in plan['mesh'].items())
  lines = [
    f'{plan["stage"]} on {plan["topology"]}: {mesh}, batch {plan["batch_size"]}, '
    f'{plan["parameters"] / 1e6:.1f} M trained parameters',
    f'{"fits" if plan["fits"] else "DOES NOT FIT"}: {memory["total"] / GIB:.2f} of {memory["chip"] / GIB:.0f} GiB '
    f'a chip (arguments {memory["arguments"] / GIB:.2f}, temporaries {memory["temporaries"] / GIB:.2f})',
    f'a step, per chip: {plan["model_flops"] / 1e12:.3g} TFLOP of the model '
    f'({plan["hardware_flops"] / 1e12:.3g} with what is computed again), '
    f'{plan["memory_traffic"] / 1e9:.3g} GB to and from HBM',
  ]
  lines += [
    f'  {kind}: {moved["count"]} times, {moved["bytes"] / 1e9:.3g} GB'
    for kind, moved in plan['collectives'].items()
  ]
  longest = max((name for name in seconds if name != 'step'), key=seconds.get)
  lines.append(
    'bounds on a step: '
    + ', '.join(f'{name} {1e3 * value:.3g} ms' for name, value in seconds.items() if name != 'step')
    + f'; so at least {1e3 * seconds["step"]:.3g} ms and an MFU of at most {100 * plan["predicted_mfu"]:.0f} %, '
    f'bound by {longest}'
  )
  if plan['compiler_seconds']:
    lines.append(f'the compiler expects its kernels to take {1e3 * plan["compiler_seconds"]:.3g} ms')
  return '\n'.join([*lines, *advice(plan, longest)])


def advice(plan: dict[str, Any], longest: str) -> list[str]:
  """Advice for a plan that does not fit in memory, or is bound by memory bandwidth or links; [] if none."""
  memory, mesh = plan['memory'], plan['mesh']
  if not plan['fits']:
    if memory['arguments'] > memory['temporaries'] and mesh['data'] > 1:
      return ['to fit: parameters and moments weigh most, let mesh.fsdp take over from mesh.data']
    return [
      'to fit: activations weigh most, raise accumulate, lower data.batch_size, or set remat of the network'
    ]
  if longest == 'links':
    return ['links bound it: lower mesh.tensor or mesh.fsdp, or give every chip more samples']
  if longest == 'memory':
    return ['HBM bounds it: more samples a chip, or less that is computed again']
  return []
