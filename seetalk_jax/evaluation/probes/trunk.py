"""Shared parts of the probe networks: convolutional trunk, augmentation, training loop, file format."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util
from safetensors import numpy as safetensors
from tqdm import tqdm

from seetalk_jax import files
from seetalk_jax.inference import batching
from seetalk_jax.models.nn import blocks, image_ops

IMAGE_SIZE = 128


class Trunk(nn.Module):
  """`[b, 128, 128, 3]` floats in [-1, 1] -> features `[b, features]`.

  The last layer is dense: a mouth opening is a few pixels high, and a global mean would lose it.
  """

  widths: tuple[int, ...] = (64, 96, 128)
  features: int = 256

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    x = image_ops.pixel_unshuffle(image, 4)
    x = blocks.conv(self.widths[0], 3, 'stem')(x)
    for i, width in enumerate(self.widths):
      if i:
        x = blocks.conv(width, 3, f'down{i}', strides=2)(jax.nn.silu(x))
      x = blocks.ResBlock(width, name=f'block{i}')(x)
    x = jax.nn.silu(blocks.group_norm(self.widths[-1], 'norm')(x))
    x = blocks.conv(32, 1, 'narrow')(x)
    x = x.reshape(x.shape[0], -1)
    return jax.nn.silu(blocks.dense(self.features, 'features')(x))


def disturb(images: jax.Array, rng: jax.Array, *, max_shift: int = 6) -> jax.Array:
  """Augmentation of uint8 `[b, 128, 128, 3]` to floats in [-1, 1]: shift, blur, brightness and noise.

  Generated pictures are softer than renderings and slightly off in color. Without augmentation, a probe
  would take these differences for attributes of the face.
  """
  shift_rng, soft_rng, light_rng, noise_rng, level_rng = jax.random.split(rng, 5)
  x = image_ops.to_float(images)
  b, size = x.shape[0], x.shape[1]
  padded = jnp.pad(x, ((0, 0), (max_shift, max_shift), (max_shift, max_shift), (0, 0)), mode='edge')
  offsets = jax.random.randint(shift_rng, (b, 2), 0, 2 * max_shift + 1)
  x = jax.vmap(lambda p, o: jax.lax.dynamic_slice(p, (o[0], o[1], 0), (size, size, 3)))(padded, offsets)
  soft = jax.image.resize(image_ops.resize_image(x, size // 2), x.shape, 'bilinear')
  softness = jax.random.uniform(soft_rng, (b, 1, 1, 1))
  x = x + softness * (soft - x)
  gain, lift = jnp.split(jax.random.uniform(light_rng, (b, 1, 1, 6), minval=-1.0), 2, axis=-1)
  x = x * (1 + 0.08 * gain) + 0.04 * lift
  level = 0.05 * jax.random.uniform(level_rng, (b, 1, 1, 1))
  return x + level * jax.random.normal(noise_rng, x.shape)


def fit(
  loss: Callable[[Any, dict[str, jax.Array], jax.Array], jax.Array],
  params: Any,
  batches: Iterator[dict[str, np.ndarray]],
  *,
  num_steps: int,
  learning_rate: float = 2e-3,
  seed: int = 0,
  label: str = 'fit',
) -> tuple[Any, float]:
  """Trains with AdamW and a cosine schedule over `num_steps`.

  Args:
    loss: (params, batch, rng) -> scalar.
    batches: infinite iterator; all batches have one shape.

  Returns:
    The averaged parameters, and the mean loss of the last steps.
  """
  warmup = max(1, num_steps // 20)
  end = max(num_steps, warmup + 1)
  schedule = optax.warmup_cosine_decay_schedule(0.0, learning_rate, warmup, end, 0.02 * learning_rate)
  optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-3))

  @jax.jit
  def step(params, average, state, batch, rng, decay):
    value, gradient = jax.value_and_grad(loss)(params, batch, rng)
    update, state = optimizer.update(gradient, state, params)
    params = optax.apply_updates(params, update)
    return params, jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, params), state, value

  state, average, rng = optimizer.init(params), params, jax.random.key(seed)
  recent: list[float] = []
  for index in tqdm(range(num_steps), desc=label, file=sys.stderr, mininterval=2.0, leave=False):
    decay = min(0.98, index / (index + 10))  # small at first: early parameters get little weight
    batch = next(batches)
    params, average, state, value = step(params, average, state, batch, jax.random.fold_in(rng, index), decay)
    if index >= num_steps - 20:
      recent.append(float(value))
  if not np.isfinite(recent).all():
    raise FloatingPointError(f'{label}: the loss is not finite')
  return average, float(np.mean(recent))


@functools.partial(jax.jit, static_argnums=0)
def _apply(network: nn.Module, params: Any, images: jax.Array) -> jax.Array:
  return network.apply({'params': params}, image_ops.to_float(images))


def apply_in_batches(network: nn.Module, params: Any, images: np.ndarray, batch_size: int = 25) -> np.ndarray:
  """Applies `network` to uint8 `[n, 128, 128, 3]` in batches of one fixed shape: `[n, ...]`."""
  return batching.in_fixed_batches(functools.partial(_apply, network, params), images, size=batch_size)


def save(path: str, params: Any, about: dict[str, Any]) -> None:
  """Writes a parameter tree and JSON-serializable `about` to one safetensors file atomically."""
  flat = {k: np.asarray(v) for k, v in traverse_util.flatten_dict(params, sep='/').items()}
  with files.replacing(path) as part:
    safetensors.save_file(flat, part, metadata={'about': json.dumps(about)})


def load(path: str) -> tuple[Any, dict[str, Any]]:
  """Loads (params, about) written by `save`."""
  with open(path, 'rb') as file:
    data = file.read()
  header = json.loads(data[8 : 8 + int.from_bytes(data[:8], 'little')])
  about = json.loads(header['__metadata__']['about'])
  return traverse_util.unflatten_dict(safetensors.load(data), sep='/'), about
