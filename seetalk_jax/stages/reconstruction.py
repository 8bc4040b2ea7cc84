"""Stages that rebuild single images: what the autoencoder and the codebook share."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.data import views
from seetalk_jax.models.nn import image_ops
from seetalk_jax.stages import base, losses, picture_mask


@dataclasses.dataclass(frozen=True)
class ReconstructionStage(base.Stage):
  """A network of the stage's name that rebuilds images, or random crops of them, with weighted pixels.

  Attributes:
    image_size: height and width of the images, in pixels.
    crop_size: train on random crops of so many pixels, a multiple of `crop_multiple`; 0 takes whole images. Crops
      cost less per image, so more different images are seen in the same time.
    edge_weight: multiplies the edge loss.
    texture_weight: multiplies the texture loss; 0 leaves it out.
    head_weight: pixel weight of the head relative to the background; 1 needs no entry `parts`.
  """

  preview_rows = ('picture', 'rebuilt')
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = ''
  view: str = 'image'
  image_size: int = 256
  crop_size: int = 0
  edge_weight: float = 1.0
  texture_weight: float = 0.0
  head_weight: float = 2.0

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ('image', 'picture_box', *(('parts', 'parts_weight') if self.head_weight != 1 else ()))
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  @property
  @abc.abstractmethod
  def crop_multiple(self) -> int:
    """Corners of crops lie on multiples of this, in pixels."""

  @abc.abstractmethod
  def _pixel_weights(self, parts: jax.Array, status: jax.Array) -> jax.Array:
    """Pixel weights `[b, h, w, 1]` from part labels `[b, h / 4, w / 4]` and their weight by status `[b]`."""

  def _crops(self, batch: base.Batch, rng: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Images `[b, h, w, 3]` in [-1, 1], pixel weights and picture masks `[b, h, w, 1]`, cropped with `crop_size`."""
    image = image_ops.to_float(batch['image'])
    inside = picture_mask.of_batch(batch, image)
    weight = jnp.ones((*image.shape[:3], 1))
    if self.head_weight != 1:
      weight = self._pixel_weights(batch['parts'], batch['parts_weight'])
    if self.crop_size:
      image, weight, inside = losses.random_crops(
        rng, self.crop_size, image, weight, inside, multiple=self.crop_multiple
      )
    return image, weight, inside

  def _texture(
    self, image: jax.Array, truth: jax.Array, weight: jax.Array
  ) -> tuple[Any, dict[str, jax.Array]]:
    """(weighted texture loss, metrics); 0 and none without it."""
    if not self.texture_weight:
      return 0.0, {}
    texture = losses.texture_loss(image, truth, weight)
    return self.texture_weight * texture, {'texture': texture}

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: images, rebuilt images."""
    del frozen, rng
    image = image_ops.to_float(jnp.asarray(batch['image'][:4]))
    variables = {'params': params[self.name], **collections.get(self.name, {})}
    rebuilt = jax.jit(self.networks[self.name].apply)(variables, image)[0]
    return image_ops.picture_grid([image, rebuilt])
