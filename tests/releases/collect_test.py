"""Export of runs: every network keeps the statistics that it was trained with; the last phase of a stage counts."""

import pathlib

import numpy as np

from seetalk_jax.releases import collect, network_spec, storage
from seetalk_jax.testing import tiny_release
from seetalk_jax.training import initial_weights


def test_statistics_come_from_the_run_that_trained_their_network(tmp_path, monkeypatch):
  networks = storage.load_networks(
    tiny_release.shared(), only=['portrait_unet', 'motion_transformer', 'lip_refiner']
  )
  runs = {
    'motion': ('motion_transformer', {'motion_transformer': {'motion_mean': 1.0}}),
    # It was trained on tracks of an earlier motion transformer.
    'lip_refiner': (
      'lip_refiner',
      {'motion_transformer': {'motion_mean': 2.0}, 'lip_refiner': {'lip_subspace': 3.0}},
    ),
    # It has computed a prior, which belongs to no network.
    'portrait': (
      'portrait_unet',
      {'face_prior': {'latent_scale': 4.0}, 'portrait_unet': {'beta0': 5.0}, 'conre': {'age_mean': 6.0}},
    ),
  }

  def load(directory: pathlib.Path):
    name, statistics = runs[directory.name]
    return initial_weights.TrainedStage(
      networks={name: network_spec.describe(networks.modules[name])},
      params={name: networks.params[name]},
      collections={},
      statistics=statistics,
      config={'stage': directory.name, 'init': {}},
      step=1,
      where='config.json',
    )

  monkeypatch.setattr(initial_weights, 'load_trained_stage', load)
  for name in runs:
    (tmp_path / name / 'checkpoints/1').mkdir(parents=True)
    (tmp_path / name / 'config.json').touch()
  found = collect.collect(tmp_path).statistics
  assert found == {
    'motion_transformer': {'motion_mean': 1.0},
    'lip_refiner': {'lip_subspace': 3.0},
    'face_prior': {'latent_scale': 4.0},
    'portrait_unet': {'beta0': 5.0},
    'conre': {'age_mean': 6.0},
  }
  # On top of a release: its motion transformer keeps its statistics, and the prior is replaced as a whole.
  found = collect.collect(tmp_path / 'lip_refiner', base=tiny_release.shared()).statistics
  np.testing.assert_array_equal(found['motion_transformer']['motion_mean'], 0)
  assert found['lip_refiner'] == {'lip_subspace': 3.0} and found['face_prior']['latent_scale'] == 0.5
  found = collect.collect(tmp_path / 'portrait', base=tiny_release.shared()).statistics
  assert found['face_prior'] == {'latent_scale': 4.0} and found['portrait_unet'] == {'beta0': 5.0}


def test_the_last_phase_of_a_stage_counts(tmp_path, monkeypatch):
  networks = storage.load_networks(tiny_release.shared(), only=['motion_codec'])
  steps = {'motion_codec': 30, 'motion_codec_1': 10, 'motion_codec_2': 20}

  def load(directory: pathlib.Path):
    return initial_weights.TrainedStage(
      networks={'motion_codec': network_spec.describe(networks.modules['motion_codec'])},
      params={'motion_codec': {'steps': np.float32(steps[directory.name])}},
      collections={},
      statistics={'motion_codec': {'steps': float(steps[directory.name])}},
      config={'stage': 'motion_codec', 'init': {}},
      step=steps[directory.name],
      where='config.json',
    )

  monkeypatch.setattr(initial_weights, 'load_trained_stage', load)
  for name in steps:
    (tmp_path / name / 'checkpoints/1').mkdir(parents=True)
    (tmp_path / name / 'config.json').touch()
  found = collect.collect(tmp_path)
  assert found.networks['motion_codec'][1]['steps'] == 30
  assert found.statistics['motion_codec']['steps'] == 30 and found.stages['motion_codec']['steps'] == 30
