"""Small motions of a photo: within their ranges, repeatable, and none is the photo itself."""

import numpy as np

from seetalk_jax.adaptation import small_motions
from seetalk_jax.constants import BLINK, MOTION_FIELDS
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

SIDE = tiny_release.SIDE


def move(pixels, inside, count=5, seed=0):
  networks = storage.load_networks(tiny_release.shared())
  return small_motions.move_photo(
    networks.modules, networks.params, networks.collections, pixels, inside, count=count, seed=seed
  )


def test_changes_stay_in_their_ranges():
  changes = small_motions.random_changes(500, 0)
  for index, name in enumerate(MOTION_FIELDS):
    low, high = small_motions.CHANGES.get(name, (0.0, 1.0 if 'Blink' in name else 0.0))
    assert changes[:, index].min() >= low and changes[:, index].max() <= high
  left, right = changes[:, BLINK].T
  np.testing.assert_array_equal(left, right)
  assert 0.1 < (left > 0).mean() < 0.3  # eyes are mostly open
  np.testing.assert_array_equal(changes, small_motions.random_changes(500, 0))
  assert (changes != small_motions.random_changes(500, 1)).any()


def test_a_photo_moves():
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
  inside = np.ones((SIDE, SIDE), bool)
  moved = move(pixels, inside)
  assert moved.frames.shape == (5, SIDE, SIDE, 3) and moved.frames.dtype == np.uint8
  assert moved.motion.shape == (5, 256) and np.isfinite(moved.motion).all() and moved.inside.all()
  assert len({frame.tobytes() for frame in moved.frames}) == 5
  assert np.abs(np.diff(moved.motion, axis=0)).max() > 1e-3
  again = move(pixels, inside)
  np.testing.assert_array_equal(again.frames, moved.frames)
  # What is not in the picture stays marked, apart from what the motion moves.
  inside[:, : SIDE // 2] = False
  half = move(pixels, inside).inside
  assert half.dtype == bool and not half[:, :, : SIDE // 4].all() and half.mean() < 0.9
