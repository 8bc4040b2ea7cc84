"""Provenance: how licences combine, and what a release without a statement says."""

import jax
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.releases import provenance, storage

NAME = 'sample_adaptive_weighting'


@pytest.fixture(scope='module')
def network():
  module = registry.make(NAME, 'tiny')
  params = blocks.init_params(
    module, jax.random.key(0), *(np.zeros(a.shape, a.dtype) for a in module.example_inputs())
  )
  return module, jax.tree.map(np.asarray, params)


@pytest.mark.parametrize(
  'parts, combined',
  [
    ([], 'unknown'),
    (['Apache-2.0'], 'Apache-2.0'),
    (['Apache-2.0', 'unknown'], 'unknown'),
    (['MIT', 'Apache-2.0', 'CC-BY-NC-4.0'], 'MIT AND CC-BY-NC-4.0'),
    (['MIT AND CC-BY-NC-4.0', 'MIT'], 'MIT AND CC-BY-NC-4.0'),
    (['CC-BY-NC-4.0', 'unknown', 'Apache-2.0'], 'CC-BY-NC-4.0 AND unknown'),
  ],
)
def test_combined_licence(parts, combined):
  assert provenance.combined_licence(parts) == combined


def test_a_consent_stays_with_its_network(network, tmp_path):
  notes = {'licence': 'MIT', 'origin': 'somewhere', 'consent': 'they agreed'}
  assert provenance.notes_after_change(notes)['consent'] == 'they agreed'
  saved(tmp_path / 'a', network, provenance={'networks': {NAME: notes}})
  networks = storage.load_networks(tmp_path / 'a')
  changed = networks.replace(**{NAME: networks.params[NAME]})
  storage.save_release(tmp_path / 'b', changed)
  assert storage.read_info(tmp_path / 'b')[1]['networks'][NAME]['consent'] == 'they agreed'


def saved(directory, network, **notes):
  """(licence, origin) of a release with the network, read back."""
  storage.save_release(directory, {NAME: network}, **notes)
  entry = storage.read_info(directory)[1]['networks'][NAME]
  return entry['licence'], entry['origin']


def test_a_release_without_a_statement_is_unknown(tmp_path, network):
  assert saved(tmp_path / 'none', network) == ('unknown', 'origin not stated')
  half = {'networks': {NAME: {'licence': None, 'origin': 'a test'}}}
  assert saved(tmp_path / 'half', network, provenance=half) == ('unknown', 'a test')


def test_the_provenance_of_a_loaded_release_travels_along(tmp_path, network):
  notes = {'licence': 'CC-BY-NC-4.0', 'origin': 'private videos', 'stage': 'portrait', 'steps': 7}
  stages = {'portrait': {'steps': 7}}
  storage.save_release(
    tmp_path / 'first', {NAME: network}, provenance={'stages': stages, 'networks': {NAME: notes}}
  )
  loaded = storage.load_networks(tmp_path / 'first')
  again = {NAME: (loaded.modules[NAME], loaded.params[NAME])}
  assert saved(tmp_path / 'second', again[NAME], provenance=loaded.info['provenance']) == (
    'CC-BY-NC-4.0',
    'private videos',
  )
  info = storage.read_info(tmp_path / 'second')[1]
  assert info['provenance'] == {'stages': stages}
  assert info['networks'][NAME]['steps'] == 7
  assert 'networks' not in storage.read_info(tmp_path / 'second')[1]['provenance']


def test_notes_cannot_replace_the_description_of_a_network(tmp_path, network):
  storage.save_release(tmp_path / 'first', {NAME: network}, dtype='float32')
  entries = storage.read_info(tmp_path / 'first')[1]['networks']
  changed = (network[0], jax.tree.map(lambda x: x + 1, network[1]))
  storage.save_release(tmp_path / 'second', {NAME: changed}, provenance={'networks': entries})
  assert (
    storage.load_networks(tmp_path / 'second').info['networks'][NAME]['sha256'] != entries[NAME]['sha256']
  )


def test_completed_parameters_are_not_fresh_any_more(tmp_path, network):
  module, params = network
  notes = {'networks': {NAME: {'fresh': ['mlp/fc1/']}}}
  partial = {**params, 'mlp': {key: value for key, value in params['mlp'].items() if key != 'fc1'}}
  storage.save_release(tmp_path / 'partial', {NAME: (module, partial)}, provenance=notes)
  loaded = storage.load_networks(tmp_path / 'partial', unfinished=True)
  storage.save_release(tmp_path / 'whole', {NAME: network}, provenance=loaded.info['provenance'])
  assert set(storage.load_networks(tmp_path / 'whole').params) == {NAME}


def test_parameters_from_elsewhere_make_an_unknown_licence():
  demo = {'licence': 'Apache-2.0', 'origin': 'synthetic', 'steps': 7, 'stage': 'motion'}
  changed = provenance.notes_after_change(demo)
  assert changed['licence'] == 'unknown' and changed['origin'].startswith('synthetic; ')
  assert 'steps' not in changed
  assert provenance.notes_after_change(changed) == changed
  restricted = provenance.notes_after_change({'licence': 'CC-BY-NC-4.0', 'origin': 'x'})
  assert restricted['licence'] == 'CC-BY-NC-4.0 AND unknown'
