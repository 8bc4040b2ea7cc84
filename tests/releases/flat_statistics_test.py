"""Flat statistics: owners of every name that stages and the shipped release use."""

import pathlib

import pytest

from seetalk_jax import constants
from seetalk_jax.models import registry
from seetalk_jax.releases import flat_statistics, storage
from seetalk_jax.stages import base
from seetalk_jax.training import config_files

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_flat_statistics_get_their_owners_back():
  nested = {
    'conre': {'age_mean': 40.0, 'articulation_std': 1.0},
    'face_prior': {'latent_scale': 0.5, 'latent_mean': 0.0, 'face_prior_mean': 0.0},
    'portrait_unet': {'beta0': 1.0},
    'motion_transformer': {'motion_mean': 0.0, 'motion_std': 1.0, 'motion_window': 100.0},
    'lip_refiner': {'lip_subspace': 1.0, 'lip_subspace_rest': 0.1},
  }
  flat = flat_statistics.flatten(nested)
  assert len(flat) == 11 and flat['age_mean'] == 40.0
  assert flat_statistics.by_owner(flat) == nested
  assert flat_statistics.is_flat(flat) and not flat_statistics.is_flat(nested)
  assert not flat_statistics.is_flat({})


def test_a_name_belongs_to_an_owner_exactly():
  found = flat_statistics.by_owner({'motion_mean': 0, 'motion_mean_of_heads': 1, 'x': 2})
  assert found == {'motion_transformer': {'motion_mean': 0}, 'unknown': {'motion_mean_of_heads': 1, 'x': 2}}
  with pytest.raises(ValueError, match='two owners have a statistic mean, one of them is second'):
    flat_statistics.flatten({'first': {'mean': 0}, 'second': {'mean': 1}})


@pytest.mark.parametrize('stage', constants.STAGES)
def test_what_stages_read_survives_the_flat_form(stage):
  config = config_files.load(ROOT / 'configs' / f'{stage}.py', 'demo')
  used = base.uses(config)
  spec = base.build_stage(
    config, {name: registry.make(name, 'demo') for name in used.frozen}
  ).statistics_spec()
  assert flat_statistics.by_owner(flat_statistics.flatten(spec)) == spec
  assert set(spec) <= {*used.names}, 'the stage reads statistics that config.init cannot name'


def test_the_shipped_release_has_no_unknown_statistics():
  found = flat_statistics.by_owner(storage.load_networks('demo', only=[]).statistics)
  owners = {'conre', 'face_prior', 'portrait_unet', 'motion_codec', 'motion_transformer', 'lip_refiner'}
  assert set(found) == owners
