"""Networks in memory: replaced parameters, and the release that they are saved to."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

NAMES = ('sample_adaptive_weighting', 'codebook')


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  return tiny_release.make(tmp_path_factory.mktemp('networks') / 'release', NAMES)


def shifted(tree):
  return jax.tree.map(lambda x: x + 1, tree)


def assert_equal(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_networks_are_saved_as_they_were_loaded(release, tmp_path):
  networks = storage.load_networks(release)
  again = storage.load_networks(storage.save_release(tmp_path / 'again', networks))
  assert again.modules == networks.modules
  for field in ('params', 'collections', 'statistics'):
    assert_equal(getattr(again, field), getattr(networks, field))
  assert again.info['sampling'] == networks.info['sampling'] == tiny_release.SAMPLING
  assert again.info['networks'] == networks.info['networks']


def test_one_network_is_replaced(release, tmp_path):
  networks = storage.load_networks(release)
  params = shifted(networks.params['sample_adaptive_weighting'])
  changed = networks.replace(sample_adaptive_weighting=params)
  assert_equal(networks.params, storage.load_networks(release).params)  # not in place
  stated = {'networks': {'sample_adaptive_weighting': {'licence': 'MIT', 'origin': 'my own'}}}
  storage.save_release(tmp_path / 'mine', changed, provenance=stated)
  again = storage.load_networks(tmp_path / 'mine')
  assert_equal(again.params, {**networks.params, 'sample_adaptive_weighting': params})
  assert_equal(again.collections, networks.collections)
  assert_equal(again.statistics, networks.statistics)
  entries = again.info['networks']
  assert (entries['sample_adaptive_weighting']['licence'], entries['codebook']['licence']) == (
    'MIT',
    'unknown',
  )


def test_replaced_parameters_have_no_licence_until_one_is_stated(release, tmp_path):
  networks = storage.load_networks(release)
  licences = {'sample_adaptive_weighting': 'Apache-2.0', 'codebook': 'CC-BY-NC-4.0'}
  notes = {name: {'licence': licence, 'origin': name} for name, licence in licences.items()}
  storage.save_release(tmp_path / 'first', networks, provenance={'networks': notes})
  first = storage.load_networks(tmp_path / 'first')
  one = first.replace(sample_adaptive_weighting=first.params['sample_adaptive_weighting'])
  both = one.replace(codebook=first.params['codebook'])
  for changed, expected in (
    (one, ['unknown', 'CC-BY-NC-4.0']),
    (both, ['unknown', 'CC-BY-NC-4.0 AND unknown']),
  ):
    storage.save_release(tmp_path / 'second', changed)
    entries = storage.read_info(tmp_path / 'second')[1]['networks']
    assert [entries[name]['licence'] for name in NAMES] == expected
  assert entries['codebook']['origin'].startswith('codebook; ')


def test_variables_boxes_and_collections(release):
  networks = storage.load_networks(release)
  variables = shifted(networks.variables('codebook'))
  boxed = {**variables, 'params': jax.tree.map(lambda x: nn.Partitioned(x, (None,)), variables['params'])}
  changed = networks.replace(codebook=boxed)
  assert_equal(changed.variables('codebook'), variables)
  kept = networks.replace(codebook=variables['params'])
  assert_equal(kept.collections, networks.collections)


def test_parts_of_a_release_are_saved_without_the_others(tmp_path):
  whole = tiny_release.shared()  # the HR decoder is as wide as the features of the motion codec
  networks = storage.load_networks(whole, only='hr_decoder')
  storage.save_release(tmp_path / 'part', networks)
  assert set(storage.load_networks(tmp_path / 'part').params) == {'hr_decoder'}


@pytest.mark.parametrize(
  'params, message',
  [
    ({'motion_codec': {}}, 'no motion_codec among.*use one of.*codebook'),
    ({'codebook': {'params': {}}}, 'argument codebook.*absent'),
    ({'codebook': np.ones(2)}, 'codebook is a ndarray.*nested dicts'),
  ],
)
def test_parameters_that_do_not_fit(release, params, message):
  with pytest.raises(CheckpointError, match=message) as caught:
    storage.load_networks(release).replace(**params)
  assert '\n' not in str(caught.value)


def test_shapes_are_checked(release):
  networks = storage.load_networks(release)
  wide = jax.tree.map(lambda x: np.stack([x, x]), networks.params['codebook'])
  with pytest.raises(CheckpointError, match=r'\(2, .*but \('):
    networks.replace(codebook=wide)


def test_repr_is_short(release):
  assert repr(storage.load_networks(release)) == f"Networks('{release}', {', '.join(NAMES)})"
