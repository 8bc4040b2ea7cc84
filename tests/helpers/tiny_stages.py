"""Stages over tiny networks: configuration, picture size."""

import ml_collections

from seetalk_jax.models import registry

SIZE = 64  # pixels


def config_of(stage, networks, **options):
  """Configuration of a stage that trains `networks`, all tiny."""
  return ml_collections.ConfigDict(
    {
      'stage': stage,
      'model': {name: registry.fields_for(name, 'tiny') for name in networks},
      'options': options,
      'init': {},
      'dtype': 'float32',
    }
  )
