"""Model sizes: parameters and FLOPs of every network, counted by tracing without computation.

  python benchmarks/sizes.py                      demo and base at 512 px, large at 1024 px
  python benchmarks/sizes.py --size base --side 1024

FLOPs are XLA's count for the program before optimization (a multiply-add counts as two). One call is a second
of speech, a portrait, one diffusion step, or one frame.
"""

import argparse

import jax
import jax.numpy as jnp

from seetalk_jax.constants import IMAGE_SIZES
from seetalk_jax.models import NETWORKS, registry
from seetalk_jax.models.nn import blocks

SIDES = {**IMAGE_SIZES, 'large': 1024}
# Network -> input of one call.
CALLS = {
  'speech_encoder': 'second of speech',
  'face_encoder': 'portrait',
  'autoencoder': 'portrait, encoded and decoded',
  'portrait_unet': 'step',
  'motion_codec': 'frame, with its portrait',
  'motion_transformer': 'step, second of speech',
  'lip_refiner': 'second of speech',
  'code_transformer': 'frame',
  'hr_decoder': 'frame',
  'codeformer': 'frame',
  'codebook': 'picture, encoded and decoded',
}


def count(name, modules, side):
  """(millions of parameters, GFLOPs per call) of one of `modules`, for pictures of `side` pixels."""
  args = modules[name].example_inputs(modules, side)

  def call(variables, *args):
    return modules[name].apply(variables, *args)

  key = jax.ShapeDtypeStruct((2,), jnp.uint32)
  variables = jax.eval_shape(modules[name].init, key, *args)
  cost = jax.jit(call).lower(variables, *args).cost_analysis()
  return blocks.count_params(variables['params']) / 1e6, cost['flops'] / 1e9


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--size', choices=sorted(SIDES), action='append', help='default: demo, base and large')
  parser.add_argument(
    '--side', type=int, default=None, help='of pictures, in pixels; default: that of the size'
  )
  options = parser.parse_args()
  for size in options.size or ('demo', 'base', 'large'):
    side = options.side or SIDES[size]
    names = [name for name in CALLS if not (name == 'codeformer' and size == 'demo')]
    modules = {name: registry.make(name, size) for name in names}
    print(f'\n{size}, {side} px\n\n| network | parameters, M | GFLOP | one call is a |\n|---|---|---|---|')
    total = 0.0
    for name in names:
      millions, flops = count(name, modules, side)
      total += millions * (name != 'codeformer')
      print(f'| `{NETWORKS[name][1]}` | {millions:.1f} | {flops:,.1f} | {CALLS[name]} |')
    print(f'| all but CodeFormer | {total:.1f} | | |')


if __name__ == '__main__':
  main()
