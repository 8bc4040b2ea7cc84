"""Cost of one rendered frame by part: GFLOPs, CPU milliseconds and wall milliseconds, as medians over rounds.

  python -m benchmarks.frame                          networks of the size demo, with random weights
  python -m benchmarks.frame demo runs/demo/release  released networks, one after the other in every round

FLOPs are XLA's count for the program before optimization (a multiply-add counts as two). A frame is a warp and a
drawing, two programs, in chunks as `seetalk generate` draws them; the portrait is read once a video.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from seetalk_jax.constants import IMAGE_SIZES
from seetalk_jax.inference import renderer
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.models import registry
from seetalk_jax.models.renderer import drawing

NETWORKS = ('motion_codec', 'code_transformer', 'codebook', 'hr_decoder')


def random_networks(side: int) -> tuple[dict[str, nn.Module], dict[str, Any], dict[str, Any]]:
  """Modules of the size demo, random parameters and other variables of the right shapes."""
  modules = {name: registry.make(name, 'demo') for name in NETWORKS}
  noise = 0.05 * np.random.default_rng(0).standard_normal(1_000_003).astype(np.float32)
  params, collections = {}, {}
  for name, module in modules.items():
    shapes = nn.unbox(jax.eval_shape(module.init, jax.random.key(0), *module.example_inputs(modules, side)))
    filled = jax.tree.map(lambda x: jnp.asarray(np.resize(noise, x.shape), x.dtype), dict(shapes))
    params[name] = filled.pop('params')
    collections[name] = filled
  return modules, params, collections


def parts_of(modules, params, collections, side: int) -> Mapping[str, tuple[Callable, tuple]]:
  """Part -> (function, its arguments); all functions take their arguments by position."""
  codec, n = modules['motion_codec'], renderer.CHUNK
  complete = renderer.is_complete(modules)
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 255, (1, side, side, 3)).astype(np.uint8)
  motion = jnp.asarray(rng.standard_normal((n, codec.motion_dim)), jnp.float32)
  appearance, m_0 = jax.jit(lambda p, x: renderer._encode(modules, p, x))(params, pixels)

  def warp(params, appearance, m_0, motion):
    return renderer._warp(modules, params, appearance, m_0, motion)

  def decode(params, warped):
    return codec.apply({'params': params['motion_codec']}, warped, method='decode')

  def draw(params, collections, warped):
    return renderer._draw(modules, complete, params, collections, warped, 1.0)

  warped = jax.jit(warp)(params, appearance, m_0, motion)
  found = {
    'portrait, once': (lambda p, x: renderer._encode(modules, p, x), (params, pixels)),
    'warp': (warp, (params, appearance, m_0, motion)),
    'draw': (draw, (params, collections, warped)),
    "of it codec's decoder": (decode, (params, warped)),
  }
  if complete and modules['code_transformer'].num_regions:

    def codes(params, warped):
      pieces = drawing.pieces_of(modules, warped)
      return [drawing.predict_codes(modules, params, piece) for piece in pieces]

    found['of it code transformer'] = (codes, (params, warped))
  return found


class Timed:
  """A compiled part: `measure` appends the CPU and the wall seconds of one call."""

  def __init__(self, function: Callable, arguments: tuple):
    lowered = jax.jit(function).lower(*arguments)
    self.gflops = lowered.cost_analysis()['flops'] / 1e9
    self._run, self._arguments = lowered.compile(), arguments
    self.cpu, self.wall = [], []
    jax.block_until_ready(self._run(*arguments))

  def measure(self) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    jax.block_until_ready(self._run(*self._arguments))
    self.cpu.append(time.process_time() - cpu)
    self.wall.append(time.perf_counter() - wall)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('checkpoints', nargs='*', metavar='CHECKPOINT', help='released networks, or demo')
  parser.add_argument('--rounds', type=int, default=20, help='calls of each part (default 20)')
  parser.add_argument(
    '--side', type=int, default=IMAGE_SIZES['demo'], help='side of the frames of random networks'
  )
  args = parser.parse_args()
  parts: dict[tuple[str, str], Timed] = {}
  for checkpoint in args.checkpoints or ['random weights']:
    if args.checkpoints:
      release = LoadedRelease.load(checkpoint)
      modules, params, collections = release.networks.modules, release.params, release.collections
      side = release.side
    else:
      (modules, params, collections), side = random_networks(args.side), args.side
    for name, (function, arguments) in parts_of(modules, params, collections, side).items():
      parts[f'{checkpoint}, {side} px', name] = Timed(function, arguments)
  for _ in range(args.rounds):
    for part in parts.values():
      part.measure()
  print(f'{"":24}{"part":22}{"GFLOP":>8}{"CPU ms":>9}{"wall ms":>9}')
  for (where, name), part in parts.items():
    count = 1 if name == 'portrait, once' else renderer.CHUNK
    cpu, wall = (1000 * statistics.median(values) / count for values in (part.cpu, part.wall))
    print(f'{where:24}{name:22}{part.gflops / count:8.2f}{cpu:9.1f}{wall:9.1f}')


if __name__ == '__main__':
  main()
