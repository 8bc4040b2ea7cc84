"""Flat statistics of releases and of runs of earlier versions: one mapping name -> array for all owners.

Stages, training and checkpoints hold statistics by owner: a network, or `face_prior`, which has no network. A name
belongs to one owner, so the flat form needs no owners; `OWNERS` brings them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Name of a statistic -> its owner. A statistic that a stage adds needs an entry here.
OWNERS = {
  'age_mean': 'conre',
  'age_std': 'conre',
  'articulation_mean': 'conre',
  'articulation_std': 'conre',
  'beta0': 'portrait_unet',
  'face_prior_directions': 'face_prior',
  'face_prior_mean': 'face_prior',
  'face_prior_prototypes': 'face_prior',  # of earlier versions; no stage reads it
  'face_prior_rest': 'face_prior',
  'face_prior_std': 'face_prior',
  'face_prior_told': 'face_prior',
  'face_prior_variances': 'face_prior',
  'face_prior_voice': 'face_prior',
  'face_prior_voice_mean': 'face_prior',
  'face_prior_voice_variances': 'face_prior',
  'latent_mean': 'face_prior',
  'latent_scale': 'face_prior',
  'linear_center': 'portrait_unet',
  'lip_subspace': 'lip_refiner',
  'lip_subspace_lips': 'lip_refiner',
  'lip_subspace_rest': 'lip_refiner',
  'motion_mean': 'motion_transformer',
  'motion_std': 'motion_transformer',
  'motion_window': 'motion_transformer',
  'truth_known': 'motion_codec',
}
# Owner of names that are not in the table: exports keep them, and no stage reads them.
UNKNOWN = 'unknown'


def by_owner(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
  """Flat statistics, name -> array, as owner -> {name: array}."""
  nested: dict[str, dict[str, Any]] = {}
  for name, value in flat.items():
    nested.setdefault(OWNERS.get(name, UNKNOWN), {})[name] = value
  return nested


def flatten(nested: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
  """Statistics by owner as one mapping name -> array.

  Raises:
    ValueError: two owners have a statistic of the same name.
  """
  flat: dict[str, Any] = {}
  for owner, statistics in nested.items():
    if twice := sorted(flat.keys() & statistics.keys()):
      raise ValueError(f'two owners have a statistic {twice[0]}, one of them is {owner}: rename one')
    flat |= statistics
  return flat


def is_flat(statistics: Mapping[str, Any]) -> bool:
  """Whether statistics, or a tree of their shapes, are flat: a value is not a mapping."""
  return any(not isinstance(value, Mapping) for value in statistics.values())
