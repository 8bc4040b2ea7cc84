"""Identity embedding for evaluation, trained on renderings only and independent of the library's networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.evaluation.probes import readers, trunk
from seetalk_jax.models.nn import blocks


class IdentityNetwork(nn.Module):
  """`[b, 128, 128, 3]` floats in [-1, 1] -> unit vectors `[b, dim]`."""

  dim: int = 96
  widths: tuple[int, ...] = (64, 96, 128)
  features: int = 256

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    x = trunk.Trunk(self.widths, self.features, name='trunk')(image)
    return blocks.unit(blocks.dense(self.dim, 'embedding')(x))


@dataclasses.dataclass(frozen=True)
class IdentityReader:
  """A trained identity network: uint8 `[n, 128, 128, 3]` -> unit vectors `[n, dim]`."""

  network: IdentityNetwork
  params: Any

  def __call__(self, images: np.ndarray) -> np.ndarray:
    return trunk.apply_in_batches(self.network, self.params, np.asarray(images))


def contrastive_loss(a: jax.Array, b: jax.Array, temperature: float = 0.1) -> jax.Array:
  """Symmetric InfoNCE of unit vectors `[n, d]`: row i of `a` and row i of `b` are the only positive pair."""
  logits = a @ b.T / temperature
  matched = jnp.arange(len(a))
  rows = jax.nn.log_softmax(logits, axis=1)[matched, matched]
  columns = jax.nn.log_softmax(logits, axis=0)[matched, matched]
  return -0.5 * (rows.mean() + columns.mean())


def train_identity(
  images: np.ndarray,
  *,
  network: IdentityNetwork | None = None,
  num_steps: int = 600,
  batch_size: int = 32,
  seed: int = 0,
) -> IdentityReader:
  """Trains on uint8 `images [num_looks, frames, 128, 128, 3]`; two frames of a look are a positive pair."""
  network = network or IdentityNetwork()
  num_looks, frames = images.shape[:2]
  if frames < 2 or num_looks < batch_size:
    raise ValueError(f'need {batch_size} looks with two frames each, got {num_looks} with {frames}')

  def batches() -> Iterator[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    while True:
      rows = rng.choice(num_looks, batch_size, replace=False)
      pair = np.argsort(rng.random((batch_size, frames)), axis=1)[:, :2]
      yield {'image': np.concatenate([images[rows, pair[:, 0]], images[rows, pair[:, 1]]])}

  def loss(params, batch, rng):
    vectors = network.apply({'params': params}, trunk.disturb(batch['image'], rng))
    return contrastive_loss(*jnp.split(vectors, 2))

  example = jnp.zeros((1, trunk.IMAGE_SIZE, trunk.IMAGE_SIZE, 3))
  params = blocks.init_params(network, jax.random.key(seed), example)
  options = dict(num_steps=num_steps, learning_rate=1e-3, seed=seed, label='identity')
  params, _ = trunk.fit(loss, params, batches(), **options)
  return IdentityReader(network, params)


def named_right(gallery: np.ndarray, queries: np.ndarray) -> np.ndarray:
  """Bool `[n]`: gallery entry i is the nearest to query i by cosine; both are unit vectors `[n, d]`."""
  return np.argmax(queries @ gallery.T, axis=1) == np.arange(len(gallery))


def save_identity(path: str, reader: IdentityReader) -> None:
  """Writes the identity reader to one safetensors file."""
  trunk.save(path, reader.params, {'network': readers.dataclass_fields(reader.network)})


def load_identity(path: str) -> IdentityReader:
  """Loads a reader written by `save_identity`."""
  params, about = trunk.load(path)
  fields = {k: tuple(v) if isinstance(v, list) else v for k, v in about['network'].items()}
  return IdentityReader(IdentityNetwork(**fields), params)
