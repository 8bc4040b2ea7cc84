"""Small motions of a photo: more training frames of a person of whom there is one picture.

The networks of the release, as they are before the fit, move the photo a little: head, eyelids, brows and mouth. What
the photo shows is taken from the photo; what a motion uncovers is drawn by these networks. A fit to such frames learns
the person's texture under motion, and keeps what the release knows of open mouths and closed eyes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import BLINK, MOTION_DIM, MOTION_FIELDS
from seetalk_jax.inference import batching, renderer
from seetalk_jax.models.motion.warping import upsample_bilinear, warp
from seetalk_jax.models.nn import image_ops

# Field -> range of its change. Larger motions are beyond what the networks draw well of an unknown person.
CHANGES: Mapping[str, tuple[float, float]] = {
  'yaw': (-0.15, 0.15),
  'pitch': (-0.08, 0.08),
  'roll': (-0.06, 0.06),
  'shift_x': (-0.02, 0.02),
  'shift_y': (-0.02, 0.02),
  'jawOpen': (0.0, 0.4),
  'mouthFunnel': (0.0, 0.3),
  'mouthSmileLeft': (0.0, 0.3),
  'mouthSmileRight': (0.0, 0.3),
  'browInnerUp': (0.0, 0.4),
}
_BLINK_RATE = 0.2
_SHOWN = 0.99  # a warped pixel lies inside the picture if at least this share of its neighbors do


class MovedPhotos(NamedTuple):
  """A photo in small motions.

  Attributes:
    frames: uint8 `[n, s, s, 3]`.
    motion: motion latents, float32 `[n, motion_dim]`.
    inside: bool `[n, s, s]`, True where a frame does not show repeated edge pixels of its crop.
  """

  frames: np.ndarray
  motion: np.ndarray
  inside: np.ndarray


def random_changes(count: int, seed: int) -> np.ndarray:
  """Random small changes of a motion vector, float32 `[count, 58]`; see `CHANGES`. Both eyes blink together."""
  rng = np.random.default_rng(seed)
  changes = np.zeros((count, MOTION_DIM), np.float32)
  for name, (low, high) in CHANGES.items():
    changes[:, MOTION_FIELDS.index(name)] = rng.uniform(low, high, count)
  blinks = rng.uniform(0, 1, count) * (rng.uniform(size=count) < _BLINK_RATE)
  changes[:, BLINK] = blinks[:, None]
  return changes


def move_photo(
  modules: Mapping[str, Any],
  params: Mapping[str, Any],
  collections: Mapping[str, Any],
  pixels: np.ndarray,
  inside: np.ndarray,
  *,
  count: int,
  seed: int,
) -> MovedPhotos:
  """Moves a photo by `count` small random motions.

  Args:
    modules, params, collections: the networks of the release.
    pixels: portrait crop of the photo, uint8 `[s, s, 3]`.
    inside: bool `[s, s]`, see `recordings.Recording`.
    count: number of frames, 1 or more.
    seed: the same seed gives the same motions.
  """
  run = jax.jit(functools.partial(_move, modules))
  changes = random_changes(count, seed)
  one = functools.partial(run, dict(params), dict(collections), pixels[None], inside[None, ..., None])
  frames, motion, shown = batching.in_fixed_batches(one, changes, size=renderer.CHUNK)
  return MovedPhotos(frames, motion, shown[..., 0] > _SHOWN)


def _move(modules, params, collections, pixels, inside, changes):
  """Frames, motion latents, and share of each pixel that lies inside the picture, for `changes [b, 58]`."""
  codec = functools.partial(modules['motion_codec'].apply, {'params': params['motion_codec']})
  photo = image_ops.to_float(pixels)
  m_0 = codec(photo, method='motion')
  truth = codec(m_0, method='read_truth')
  # Differences of encoded motion, so that no change gives the photo's own latent.
  motion = m_0 + codec(truth + changes, method='encode_truth') - codec(truth, method='encode_truth')
  warped = codec(codec(photo, method='appearance'), m_0, motion, method='warp')
  drawn = renderer.draw(modules, renderer.is_complete(modules), params, collections, warped, 1.0)
  size = photo.shape[1:3]
  visible = upsample_bilinear(warped.occlusion, size)
  shown = jnp.broadcast_to(inside.astype(jnp.float32), (len(changes), *size, 1))
  frames = visible * warped.image + (1 - visible) * drawn
  return image_ops.to_uint8(frames), motion, warp(shown, warped.flow)
