"""Crops of pictures around the mouth or an eye, where landmarks show them: what the codebook of regions trains on."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.models.renderer.regions import REGIONS, crop_pixels

# Landmarks around the center of each region, by its name.
_CONTOURS = {
  'mouth': indices.OUTER_LIP_CONTOUR,
  'right_eye': indices.RIGHT_EYE_CONTOUR,
  'left_eye': indices.LEFT_EYE_CONTOUR,
}


def random_regions(
  rng: jax.Array, landmarks: jax.Array, weight: jax.Array, *pictures: jax.Array
) -> list[jax.Array]:
  """One region of each sample, in the size of the largest, the mouth: `[b, m, n, c]` of every `[b, h, w, c]`.

  Args:
    rng: chooses mouth, right or left eye.
    landmarks: `[b, 478, 2]`, relative 0 to 1.
    weight: `[b]`, 0 where there are no landmarks: the region is where it usually is.
    *pictures: cropped alike; square.
  """
  side = pictures[0].shape[1]
  shape = np.max([region.shape(side) for region in REGIONS], axis=0)
  measured = jnp.stack([jnp.mean(landmarks[:, np.array(_CONTOURS[r.name])], axis=1) for r in REGIONS])
  usual = jnp.array([region.usual for region in REGIONS])
  centers = jnp.where(weight[:, None] > 0, measured, usual[:, None])
  chosen = jax.random.randint(rng, weight.shape, 0, len(REGIONS))
  center = centers[chosen, jnp.arange(len(weight))]
  corner = jnp.round(center[:, ::-1] * side - shape / 2).astype(jnp.int32)
  corner = jnp.clip(corner, 0, side - shape)
  return [crop_pixels(picture, corner, tuple(shape.tolist())) for picture in pictures]
