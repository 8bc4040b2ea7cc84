"""Heads for tests of the synthetic head: speaker, identity, motion, landmarks."""

import functools

import jax
import numpy as np

from seetalk_jax.synthetic import head
from seetalk_jax.synthetic.parameters import Motion, Speaker


def motion(**fields) -> Motion:
  """Motion at one moment; what is not named is 0."""
  return Motion(*(np.float32(fields.get(name, 0.0)) for name in Motion._fields))


def speaker(number: int = 5, sex: float = 0.0, age: float = 30.0, head_size: float = 0.0) -> Speaker:
  return Speaker(speaker_id=number, sex=sex, age=age, head_size=head_size)


def stack(trees):
  """Joins trees of equal structure along a new first axis."""
  return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


@functools.cache
def identity():
  """Identity without glasses and fringe, which would hide parts of the face."""
  plain = head.sample_identity(speaker(), 1)
  return plain._replace(glasses=np.float32(0), hair_fringe=np.float32(0), hair_part=np.float32(0))


_landmarks = jax.jit(head.landmarks)


def points(motion: Motion, of: head.Identity | None = None) -> dict[str, np.ndarray]:
  """Landmarks by name, in units of the picture's side."""
  found = np.asarray(_landmarks(of or identity(), motion, head.default_settings()))
  return dict(zip(head.LANDMARKS, found, strict=True))
