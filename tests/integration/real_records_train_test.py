"""Every stage trains on real records alone, with what their preparation measured in the place of ground truth."""

import json
import pathlib

import numpy as np
import pytest
import real_records

from seetalk_jax.constants import CLIP_SIZE, RESULT_FILE, STAGES, TRUTH_KNOWN
from seetalk_jax.data import schema, sources
from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base
from seetalk_jax.training import config_files, loop
from seetalk_jax.training.initial_weights import load_trained_stage

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = {
  'conre': {'attributes_weight': 0.0},  # sex and age of recordings are not known
  'motion_codec': {'with_truth': False, 'with_estimates': True},
  'render': {'with_truth': False, 'with_estimates': True},
}


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
  """Folder with a corpus `real` of a few clips, as `seetalk prepare` writes it."""
  root = tmp_path_factory.mktemp('real')
  sources.add_part(root / 'real', 'real', 'train', {})
  records = real_records.RealSource(seconds=(6, 5, 5), size=CLIP_SIZE).records
  shard = root / 'real' / sources.shard_name('real', 'train', 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in records])
  return root


def config_of(stage, corpus, init, **options):
  """The tiny configuration of a stage on the real corpus, with the runs in `init` as its networks."""
  config = config_files.load(ROOT / 'configs' / f'{stage}.py', 'tiny')
  config.data_root, config.data.corpora = str(corpus), ('real',)
  config.eval_batches, config.sample_every = 0, 10_000
  config.options.update({**OPTIONS.get(stage, {}), **options})
  for name in base.uses(config).names:
    if name in init:
      config.init[name] = str(init[name])
  return config


def train(stage, corpus, workdir, init, **options):
  loop.train(config_of(stage, corpus, init, **options), workdir)
  assert (workdir / RESULT_FILE).exists()
  written = json.loads((workdir / 'config.json').read_text())
  return {name: workdir for name in (*written['networks'], stage)}


@pytest.mark.slow
def test_all_stages_train_on_real_records_alone(corpus, tmp_path):
  init = {}
  for stage in STAGES:
    init |= train(stage, corpus, tmp_path / stage, init)
  codec = load_trained_stage(tmp_path / 'motion_codec')
  assert codec.statistics['motion_codec'][TRUTH_KNOWN] == 1
  render = load_trained_stage(tmp_path / 'render')
  assert render.statistics['motion_codec'][TRUTH_KNOWN] == 1  # kept, for the release
  subspace = load_trained_stage(tmp_path / 'lip_refiner').statistics['lip_refiner']['lip_subspace']
  np.testing.assert_allclose(subspace.T @ subspace, np.eye(subspace.shape[1]), atol=1e-4)


@pytest.mark.slow
def test_a_codec_without_motion_leads_to_one_line_and_not_to_a_random_subspace(corpus, tmp_path):
  init = {}
  for stage in ('conre', 'motion_codec'):
    init |= train(
      stage, corpus, tmp_path / stage, init, **({'with_estimates': False} if stage == 'motion_codec' else {})
    )
  assert load_trained_stage(tmp_path / 'motion_codec').statistics['motion_codec'][TRUTH_KNOWN] == 0
  with pytest.raises(ConfigError, match='stage motion needs a motion codec whose truth encoder was trained'):
    loop.train(config_of('motion', corpus, init), tmp_path / 'motion')
  assert not (tmp_path / 'motion').exists() or not (tmp_path / 'motion' / 'config.json').exists()
