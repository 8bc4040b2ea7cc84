"""Attribute reader of synthetic heads: mouth opening, pose, lids, sex, age, skin and hair color."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.evaluation.measures import series
from seetalk_jax.evaluation.probes import trunk
from seetalk_jax.models.nn import blocks

# Fields of the last axis of every array of readings, in order. Colors in [0, 1], angles in radians.
FIELDS = ('opening', 'yaw', 'pitch', 'roll', 'blink', 'sex', 'age')
COLOURS = ('skin_red', 'skin_green', 'skin_blue', 'hair_red', 'hair_green', 'hair_blue')
FIELDS = FIELDS + COLOURS
SKIN = tuple(FIELDS.index(name) for name in COLOURS[:3])
HAIR = tuple(FIELDS.index(name) for name in COLOURS[3:])


class ReaderNetwork(nn.Module):
  """`[b, 128, 128, 3]` floats in [-1, 1] -> standardized readings `[b, num_fields]`."""

  widths: tuple[int, ...] = (64, 96, 128)
  features: int = 256
  num_fields: int = len(FIELDS)

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    x = trunk.Trunk(self.widths, self.features, name='trunk')(image)
    return blocks.dense(self.num_fields, 'heads')(x)


@dataclasses.dataclass(frozen=True)
class Reader:
  """A trained reader: uint8 pictures `[n, 128, 128, 3]` -> float32 readings `[n, len(fields)]`.

  Attributes:
    error: mean absolute error per field on looks held out of the reader's training.
    agreement: Pearson's r per field on the same looks.
    fields: field names in the order of the last axis.
  """

  network: ReaderNetwork
  params: Any
  mean: np.ndarray
  std: np.ndarray
  error: dict[str, float]
  agreement: dict[str, float]
  fields: tuple[str, ...] = FIELDS

  def __call__(self, images: np.ndarray) -> np.ndarray:
    readings = trunk.apply_in_batches(self.network, self.params, np.asarray(images))
    return readings * self.std + self.mean

  def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
    """Readings by field name, each `[n]`."""
    return dict(zip(self.fields, self(images).T, strict=True))


def standardise(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean and std of labels `[n, f]`, ignoring NaN; a constant or all-NaN field gets mean 0, std 1."""
  labeled = np.isfinite(labels)
  count = np.maximum(labeled.sum(axis=0), 1)
  mean = np.where(labeled, labels, 0).sum(axis=0) / count
  std = np.sqrt(np.where(labeled, (labels - mean) ** 2, 0).sum(axis=0) / count)
  return mean.astype(np.float32), np.where(std > 1e-6, std, 1.0).astype(np.float32)


def masked_error(readings: jax.Array, labels: jax.Array) -> jax.Array:
  """Huber loss of standardized readings `[b, f]` over the labels that are not NaN."""
  labeled = jnp.isfinite(labels)
  gap = jnp.abs(jnp.where(labeled, readings - jnp.where(labeled, labels, 0.0), 0.0))
  huber = jnp.where(gap < 1.0, 0.5 * gap**2, gap - 0.5)
  return jnp.sum(huber) / jnp.maximum(jnp.sum(labeled), 1)


def train_reader(
  images: np.ndarray,
  labels: np.ndarray,
  held_out: np.ndarray,
  *,
  network: ReaderNetwork | None = None,
  fields: tuple[str, ...] = FIELDS,
  num_steps: int = 1000,
  batch_size: int = 48,
  seed: int = 0,
) -> Reader:
  """Trains a reader on uint8 `images [n, 128, 128, 3]` with `labels [n, len(fields)]` (NaN: unknown).

  Args:
    held_out: bool `[n]`; True frames are used only to measure the error. No training frame shows their looks.
  """
  network = (network or ReaderNetwork()).clone(num_fields=len(fields))
  mean, std = standardise(labels[~held_out])
  standard = (labels - mean) / std
  train = np.flatnonzero(~held_out)

  def batches() -> Iterator[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    while True:
      rows = rng.choice(train, batch_size)
      yield {'image': images[rows], 'label': standard[rows]}

  def loss(params, batch, rng):
    pictures = trunk.disturb(batch['image'], rng)
    return masked_error(network.apply({'params': params}, pictures), batch['label'])

  example = jnp.zeros((1, trunk.IMAGE_SIZE, trunk.IMAGE_SIZE, 3))
  params = blocks.init_params(network, jax.random.key(seed), example)
  params, _ = trunk.fit(loss, params, batches(), num_steps=num_steps, seed=seed, label='reader')
  reader = Reader(network, params, mean, std, {}, {}, fields)
  error, agreement = score(reader(images[held_out]), labels[held_out], fields)
  return dataclasses.replace(reader, error=error, agreement=agreement)


def score(
  readings: np.ndarray, labels: np.ndarray, fields: tuple[str, ...] = FIELDS
) -> tuple[dict[str, float], dict[str, float]]:
  """Mean absolute error and Pearson's r per field, over the labels that are not NaN."""
  error, agreement = {}, {}
  for i, name in enumerate(fields):
    labeled = np.isfinite(labels[:, i])
    error[name] = (
      float(np.abs(readings[labeled, i] - labels[labeled, i]).mean()) if labeled.any() else float('nan')
    )
    agreement[name] = series.correlation(readings[labeled, i], labels[labeled, i])
  return error, agreement


def save_reader(path: str, reader: Reader) -> None:
  """Writes the reader to one safetensors file."""
  about = {
    'network': dataclass_fields(reader.network),
    'mean': reader.mean.tolist(),
    'std': reader.std.tolist(),
    'error': reader.error,
    'agreement': reader.agreement,
    'fields': reader.fields,
  }
  trunk.save(path, reader.params, about)


def load_reader(path: str) -> Reader:
  """Loads a reader written by `save_reader`."""
  params, about = trunk.load(path)
  network = ReaderNetwork(**{k: tuple(v) if isinstance(v, list) else v for k, v in about['network'].items()})
  mean, std = (np.asarray(about[key], np.float32) for key in ('mean', 'std'))
  fields = tuple(about.get('fields', FIELDS))
  return Reader(network, params, mean, std, about['error'], about['agreement'], fields)


def dataclass_fields(module: nn.Module) -> dict[str, Any]:
  """A Linen module's own constructor fields, for JSON."""
  names = [f.name for f in dataclasses.fields(module) if f.init and f.name not in ('parent', 'name')]
  return {name: getattr(module, name) for name in names}
