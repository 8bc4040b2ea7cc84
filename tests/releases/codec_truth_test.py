"""Truth encoder of codecs: the statistic, or else the configuration of a release or run of an earlier version."""

import json
import pathlib

import numpy as np
import pytest

from seetalk_jax.constants import RELEASE_FILE, TRUTH_KNOWN
from seetalk_jax.releases import codec_truth, storage
from seetalk_jax.testing import tiny_release
from seetalk_jax.training import initial_weights


def stages(**options):
  return {'motion_codec': {'config': {'options': options}}}


@pytest.mark.parametrize(
  'statistics, provenance, known',
  [
    ({TRUTH_KNOWN: np.float32(1)}, stages(with_truth=False), True),
    ({TRUTH_KNOWN: np.float32(0)}, stages(with_truth=True), False),
    ({}, {}, True),
    ({}, stages(), True),
    ({}, stages(with_truth=True), True),
    ({}, stages(with_truth=False), False),
    ({}, stages(with_truth=False, keep_motion=True), True),
    ({}, stages(with_truth=False, with_estimates=True), True),
  ],
)
def test_the_statistic_comes_before_the_configuration(statistics, provenance, known):
  assert codec_truth.is_known(statistics, provenance) == known


def test_the_shipped_weights_have_a_trained_truth_encoder():
  assert storage.load_networks('demo', only='motion_codec').statistics[TRUTH_KNOWN] == 1
  found = initial_weights.load_initial_weights({'motion_codec': 'demo'}).statistics
  assert found['motion_codec'][TRUTH_KNOWN] == 1


def test_initial_weights_of_an_earlier_base_recipe_say_that_it_was_not_trained(tmp_path):
  folder = pathlib.Path(tiny_release.make(tmp_path / 'release', names=['motion_codec']))
  assert 'motion_codec' not in initial_weights.load_initial_weights({'motion_codec': str(folder)}).statistics
  info = json.loads((folder / RELEASE_FILE).read_text())
  info['provenance']['stages'] = stages(with_truth=False)
  (folder / RELEASE_FILE).write_text(json.dumps(info))
  found = initial_weights.load_initial_weights({'motion_codec': str(folder)}).statistics
  assert found == {'motion_codec': {TRUTH_KNOWN: 0.0}}
