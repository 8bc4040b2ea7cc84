"""Parameters of a synthetic speaker: shared attributes and per-frame motion.

The parameters are separated so that any appearance can be rendered with any motion:

* `Speaker`: attributes shared by voice and face (sex, age, head size).
* `Identity` (in `head`): one appearance of a speaker, with shape and colors.
* `Motion`: the cartoon's fields, which change from frame to frame.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from seetalk_jax import cartoon_motion


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speaker:
  """Attributes shared by the voice and the face of a speaker.

  Attributes:
    speaker_id: unique integer; the seed of all random choices for this speaker.
    sex: 0 for female voice and face traits, 1 for male; continuous in [0, 1], mostly near the ends.
    age: age in years, 18 to 80.
    head_size: standard score, about -2 to 2; larger heads have longer vocal tracts (lower formants).
  """

  speaker_id: int
  sex: float
  age: float
  head_size: float

  @property
  def attributes(self) -> np.ndarray:
    """Attribute vector, float32 `[3]`: sex in [0, 1], age in years, head size as a standard score."""
    return np.array([self.sex, self.age, self.head_size], np.float32)


Motion = NamedTuple('Motion', [(name, np.ndarray) for name in cartoon_motion.FIELDS])
Motion.__doc__ = (
  'Per-frame fields of the cartoon head: each of `cartoon_motion.FIELDS`, arrays of one shape `[*b]`.'
)


def motion_to_array(motion: Motion) -> np.ndarray:
  """Stacks the fields of `motion`, each `[*b]`, into float32 `[*b, cartoon_motion.NUM_FIELDS]`."""
  return np.stack([np.asarray(field, np.float32) for field in motion], axis=-1)


def array_to_motion(array) -> Motion:
  """Unstacks `[*b, NUM_FIELDS]` (NumPy or JAX) into a `Motion` of `[*b]` fields; inverse of `motion_to_array`."""
  if array.shape[-1] != cartoon_motion.NUM_FIELDS:
    raise ValueError(f'the cartoon has {cartoon_motion.NUM_FIELDS} fields, got shape {array.shape}')
  return Motion(*(array[..., i] for i in range(cartoon_motion.NUM_FIELDS)))


def motion_to_vector(motion: Motion) -> np.ndarray:
  """Translates the cartoon's fields, each `[*b]`, to motion vectors, float32 `[*b, constants.MOTION_DIM]`."""
  return cartoon_motion.to_vector(motion_to_array(motion))


def vector_to_motion(vector) -> Motion:
  """Translates motion vectors `[*b, constants.MOTION_DIM]` to the cartoon's fields; inverse of `motion_to_vector`."""
  return array_to_motion(cartoon_motion.from_vector(vector))
