"""Picture augmentation: mirror images of elements with their annotations, and color jitter of their pictures.

All pictures of an element are changed alike, inputs and targets: it is another recording, not a worse one. What
cameras do to the inputs of encoders alone is in `camera_effects`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import MOTION_DIM, MOTION_FIELDS
from seetalk_jax.media import landmark_indices


class Kind(enum.Enum):
  """What the mirror does to an entry of an element."""

  SAME = 'same'  # sound, weights of whole rows, attributes of the speaker
  PICTURE = 'picture'  # [..., h, w, c]
  MAP = 'map'  # [..., h, w]
  CANONICAL = 'canonical'  # [..., h, w, 3]: x is negated too
  MOTION = 'motion'  # [..., MOTION_DIM]
  WEIGHTS = 'weights'  # [..., MOTION_DIM], without a direction
  BOX = 'box'  # [..., 4]: left, top, right, bottom
  POINT = 'point'  # [..., 2]
  LANDMARKS = 'landmarks'  # [..., n, 2]


# Entry of a view -> its kind. A test finds entries of views without one.
KINDS: Mapping[str, Kind] = {
  **dict.fromkeys(('portrait', 'image', 'source', 'target', 'driver'), Kind.PICTURE),
  **dict.fromkeys(('frames', 'style_frames', 'clip_frames', 'mouth', 'face'), Kind.PICTURE),
  **dict.fromkeys(('parts', 'source_parts', 'target_parts'), Kind.MAP),
  **dict.fromkeys(('source_canonical', 'target_canonical'), Kind.CANONICAL),
  **dict.fromkeys(('motion', 'speech_motion', 'source_motion', 'target_motion', 'style_motion'), Kind.MOTION),
  'motion_weight': Kind.WEIGHTS,
  **dict.fromkeys(('lip_box', 'picture_box'), Kind.BOX),
  'clip_mouth': Kind.POINT,
  **dict.fromkeys(('source_landmarks', 'target_landmarks'), Kind.LANDMARKS),
  **dict.fromkeys(('speech', 'speech_shifted', 'clip_speech', 'num_samples', 'style_length'), Kind.SAME),
  **dict.fromkeys(('speaker', 'clip', 'attributes', 'has_truth', 'has_clip', 'emotion'), Kind.SAME),
  **dict.fromkeys(('landmark_weight', 'parts_weight'), Kind.SAME),
}

# Motion of the mirrored head: coefficients of the other side, and the directions below turned around.
_TURNED = ('yaw', 'roll', 'shift_x')
_MOTION_ORDER = np.array((*blendshapes.MIRROR, *range(blendshapes.NUM_BLENDSHAPES, MOTION_DIM)))
_MOTION_SIGNS = np.where(np.isin(MOTION_FIELDS, _TURNED), -1.0, 1.0).astype(np.float32)
_LANDMARK_ORDER = np.array(landmark_indices.MIRROR)


def augment(
  element: Mapping[str, np.ndarray],
  rng: np.random.Generator,
  *,
  flips: float = 0.0,
  color_jitter: float = 0.0,
) -> dict[str, np.ndarray]:
  """Mirrors an element at random, and changes the colors of its pictures.

  Args:
    element: of any view.
    rng: random generator; the draws do not depend on the two numbers.
    flips: probability of a mirror image, 0 to 1.
    color_jitter: strength of the change of gamma, contrast, saturation and white balance, 0 to 1, see
      `camera_effects.tone`; all pictures of the element share it.
  """
  flipped = rng.random() < flips
  element = mirrored(element) if flipped else dict(element)
  return jittered(element, rng, color_jitter) if color_jitter else element


def mirrored(element: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The element of the mirrored recording: left is right in pictures, maps, boxes, landmarks, coefficients and pose.

  Raises:
    KeyError: an entry that is not in `KINDS`.
  """
  return {name: _mirrored_entry(value, KINDS[name]) for name, value in element.items()}


def mirrored_motion(motion: np.ndarray) -> np.ndarray:
  """Motion vectors `[..., 58]` of the mirrored head: sides of the coefficients swapped, yaw, roll and x negated."""
  return motion[..., _MOTION_ORDER] * _MOTION_SIGNS


def jittered(
  element: Mapping[str, np.ndarray], rng: np.random.Generator, strength: float
) -> dict[str, np.ndarray]:
  """The element with changed colors. Pictures that are all zeros are absent, and stay so."""
  from seetalk_jax.data import camera_effects

  changed = dict(element)
  names = [name for name in pictures_of(element) if element[name].any()]
  pictures = [element[name].astype(np.float32) / 255 for name in names]
  for name, toned in zip(names, camera_effects.shared_tone(pictures, rng, strength), strict=True):
    changed[name] = np.round(255 * toned).astype(np.uint8)
  return changed


def pictures_of(names) -> list[str]:
  """The pictures among the entries of an element or of a view, in their order."""
  return [name for name in names if KINDS[name] is Kind.PICTURE]


def _mirrored_entry(value: np.ndarray, kind: Kind) -> np.ndarray:
  match kind:
    case Kind.PICTURE:
      value = value[..., ::-1, :]
    case Kind.MAP:
      value = value[..., ::-1]
    case Kind.CANONICAL:
      value = value[..., ::-1, :] * np.array([-1, 1, 1], value.dtype)
    case Kind.MOTION:
      value = mirrored_motion(value)
    case Kind.WEIGHTS:
      value = value[..., _MOTION_ORDER]
    case Kind.BOX:
      value = np.stack([1 - value[..., 2], value[..., 1], 1 - value[..., 0], value[..., 3]], axis=-1)
    case Kind.POINT:
      there = value.any(axis=-1, keepdims=True)  # zeros where there is none
      value = (value * np.float32([-1, 1]) + np.float32([1, 0])) * there
    case Kind.LANDMARKS:
      there = value.any(axis=(-2, -1), keepdims=True)
      value = (value[..., _LANDMARK_ORDER, :] * np.float32([-1, 1]) + np.float32([1, 0])) * there
  return np.ascontiguousarray(value) if kind is not Kind.SAME else value
