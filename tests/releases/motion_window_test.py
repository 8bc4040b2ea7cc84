"""Windows of motion transformers: the statistic, or else the configuration of an earlier version."""

import json
import pathlib
import types

import numpy as np
import pytest

from seetalk_jax.constants import CONFIG_FILE, RELEASE_FILE, WINDOW_FRAMES
from seetalk_jax.releases import motion_window, storage
from seetalk_jax.sampling.motion import trained_window
from seetalk_jax.testing import tiny_release
from seetalk_jax.training import first_state, initial_weights

OWN = {'motion_mean': np.zeros(2, np.float32)}


def stages(**options):
  return {'motion': {'config': {'stage': 'motion', 'options': options}}}


@pytest.mark.parametrize(
  'statistics, provenance, window',
  [
    ({**OWN, 'motion_window': np.float32(100)}, stages(num_frames=25), 100),
    ({**OWN, 'motion_window': np.float32(40)}, stages(num_frames=100), 40),
    (OWN, {}, None),
    (OWN, stages(), None),
    (OWN, stages(motion_source='truth', num_frames=100), None),
    (OWN, stages(motion_source='frames', num_frames=25), 25),
    (OWN, stages(motion_source='frames'), 25),
    (OWN, stages(num_frames=50), 50),
    ({}, stages(num_frames=25), None),
  ],
)
def test_the_statistic_comes_before_the_configuration(statistics, provenance, window):
  found = motion_window.with_window(statistics, provenance)
  assert found.get('motion_window') == window
  assert trained_window(found) == (window or 100)
  assert found.keys() - {'motion_window'} == statistics.keys() - {'motion_window'}


def test_the_shipped_weights_state_their_length():
  assert trained_window(storage.load_networks('demo', only='motion_transformer').statistics) == WINDOW_FRAMES


def test_a_release_of_an_earlier_base_recipe_is_sampled_in_windows_of_its_training(tmp_path):
  folder = pathlib.Path(tiny_release.make(tmp_path / 'release', names=['motion_codec', 'motion_transformer']))
  info = json.loads((folder / RELEASE_FILE).read_text())
  info['provenance']['stages'] = stages(motion_source='frames', num_frames=25)
  (folder / RELEASE_FILE).write_text(json.dumps(info))
  assert trained_window(storage.load_networks(folder).statistics) == 25
  found = initial_weights.load_initial_weights({'motion_transformer': str(folder)}).statistics
  assert trained_window(found['motion_transformer']) == 25


def test_a_run_of_an_earlier_version_has_the_windows_of_its_configuration():
  statistics = {'motion_transformer': OWN, 'motion_codec': {'truth_known': np.float32(1)}}
  found = initial_weights.with_motion_window(statistics, stages(num_frames=25)['motion']['config'])
  assert (
    trained_window(found['motion_transformer']) == 25 and found['motion_codec'] == statistics['motion_codec']
  )
  config = {'stage': 'lip_refiner', 'options': {'num_frames': 25}}
  assert initial_weights.with_motion_window(statistics, config) == statistics


def test_a_resumed_run_keeps_the_windows_of_its_configuration(tmp_path):
  statistics = {'motion_transformer': OWN}
  run = types.SimpleNamespace(workdir=str(tmp_path))
  assert first_state._as_written(run, statistics) == statistics
  config = stages(motion_source='frames', num_frames=25)['motion']['config']
  (tmp_path / CONFIG_FILE).write_text(json.dumps({'config': config}))
  assert trained_window(first_state._as_written(run, statistics)['motion_transformer']) == 25
