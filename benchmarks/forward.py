"""Forward-pass benchmark at full size against the PyTorch references: seconds of both, and the median ratio.

  pip install -e ".[parity]"
  python benchmarks/forward.py                         # wav2vec2, unet and vae, five pairs each
  python benchmarks/forward.py --only unet --pairs 3

wav2vec2: wav2vec 2.0 base on 10 s of sound. unet: one step of Stable Diffusion 1.5's UNet on 32 x 32 x 4
latents with 77 tokens. vae: the decoder of its autoencoder, to 256 px. Batch 1, float32, random weights, all
cores. The two libraries alternate, so that other load affects both. A ratio above 1 means that JAX is faster.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.models import registry

SECONDS, LATENT = 10, 32


class Pair(NamedTuple):
  """One forward pass in both libraries; each call waits for its result."""

  ours: Callable[[], None]
  theirs: Callable[[], None]


def filled(module: nn.Module, *inputs, **kwargs):
  """Random parameters of the right shapes. Faster than the initializers; the values do not matter here."""
  shapes = nn.unbox(jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, **kwargs)))['params']
  noise = 0.02 * np.random.default_rng(0).standard_normal(1_000_003).astype(np.float32)
  return jax.tree.map(lambda x: jnp.asarray(np.resize(noise, x.shape)), shapes)


def compiled(module: nn.Module, *inputs, **kwargs) -> Callable[[], None]:
  """Jitted call of a module on device arrays."""
  params = filled(module, *inputs, **kwargs)
  run = jax.jit(lambda params, *inputs: module.apply({'params': params}, *inputs, **kwargs))
  inputs = jax.device_put(inputs)
  return lambda: jax.block_until_ready(run(params, *inputs))


def timed(function, *inputs) -> Callable[[], None]:
  """Call of a PyTorch function without gradients."""
  import torch

  def call():
    with torch.inference_mode():
      function(*inputs)

  return call


def wav2vec2() -> Pair:
  """wav2vec 2.0 base."""
  import torch
  import transformers

  from seetalk_jax.models.speech.wav2vec import Wav2Vec2

  waveform = np.random.default_rng(0).standard_normal((1, SECONDS * SAMPLE_RATE_HZ)).astype(np.float32)
  reference = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config()).eval()
  return Pair(compiled(Wav2Vec2(), waveform), timed(reference, torch.from_numpy(waveform)))


def unet() -> Pair:
  """Stable Diffusion 1.5's UNet."""
  import diffusers
  import torch

  from seetalk_jax.models.portrait.unet import UNet2DCondition

  reference = diffusers.UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8).eval()
  rng = np.random.default_rng(0)
  x = rng.standard_normal((1, LATENT, LATENT, 4)).astype(np.float32)
  context = rng.standard_normal((1, 77, 768)).astype(np.float32)
  ours = compiled(UNet2DCondition(), x, np.array([500.0], np.float32), context)
  given = torch.from_numpy(x).permute(0, 3, 1, 2), torch.tensor([500]), torch.from_numpy(context)
  return Pair(ours, timed(reference, *given))


def vae() -> Pair:
  """The decoder of Stable Diffusion's autoencoder."""
  import diffusers
  import torch

  reference = diffusers.AutoencoderKL(
    block_out_channels=(128, 256, 512, 512),
    down_block_types=('DownEncoderBlock2D',) * 4,
    up_block_types=('UpDecoderBlock2D',) * 4,
    layers_per_block=2,
  ).eval()
  z = np.random.default_rng(0).standard_normal((1, LATENT, LATENT, 4)).astype(np.float32)
  ours = compiled(registry.make('autoencoder', 'base'), z, method='decode')
  return Pair(ours, timed(reference.decode, torch.from_numpy(z).permute(0, 3, 1, 2)))


CASES = {'wav2vec2': wav2vec2, 'unet': unet, 'vae': vae}


def seconds(call: Callable[[], None]) -> float:
  """Seconds of one call."""
  start = time.perf_counter()
  call()
  return time.perf_counter() - start


def main() -> None:
  """Prints one line per case."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument(
    '--only', nargs='+', choices=tuple(CASES), default=tuple(CASES), help='cases (default all)'
  )
  parser.add_argument('--pairs', type=int, default=5, help='rounds of both (default 5)')
  options = parser.parse_args()
  import torch

  torch.set_num_threads(len(os.sched_getaffinity(0)))
  for name in options.only:
    pair = CASES[name]()
    for call in (*pair, *pair):  # warm-up: compilation and memory allocation
      call()
    ours, theirs = [], []
    for _ in range(options.pairs):
      theirs.append(seconds(pair.theirs))
      ours.append(seconds(pair.ours))
    ratios = [t / o for t, o in zip(theirs, ours, strict=True)]
    print(
      f'{name}: PyTorch {statistics.median(theirs):.3f} s, JAX {statistics.median(ours):.3f} s, '
      f'ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) over {options.pairs} pairs',
      flush=True,
    )


if __name__ == '__main__':
  main()
