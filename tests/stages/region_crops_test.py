"""Crops around mouths and eyes: at the landmarks, or at the usual place without them."""

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.media.landmark_indices import NUM_LANDMARKS
from seetalk_jax.models.renderer.regions import REGIONS
from seetalk_jax.stages import region_crops

SIDE = 128


def test_every_region_is_chosen_and_lies_around_its_landmarks():
  count = 64
  landmarks = np.full((count, NUM_LANDMARKS, 2), 0.9, np.float32)
  for i, contour in enumerate(region_crops._CONTOURS.values()):
    landmarks[:, list(contour)] = (0.35 + 0.1 * i, 0.5)
  grid = jnp.broadcast_to(jnp.mgrid[:SIDE, :SIDE].transpose(1, 2, 0)[None] + 0.5, (count, SIDE, SIDE, 2))
  weight = jnp.ones(count).at[:8].set(0)
  (crops,) = region_crops.random_regions(jax.random.key(0), jnp.asarray(landmarks), weight, grid)
  assert crops.shape == (count, SIDE // 4, 5 * SIDE // 16, 2)
  middle = np.asarray(jnp.mean(crops, axis=(1, 2)))[:, ::-1] / SIDE
  found = {tuple(np.round(place.astype(float), 2).tolist()) for place in middle[8:]}
  assert found == {(0.35, 0.5), (0.45, 0.5), (0.55, 0.5)}
  usual = np.array([region.usual for region in REGIONS])
  assert np.abs(middle[:8, None] - usual).max(-1).min(1).max() < 0.01
