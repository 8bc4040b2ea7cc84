"""Interrupted runs of earlier versions: fields of networks that came later have the values of the run."""

import json
import pathlib

from seetalk_jax import cartoon_motion
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec
from seetalk_jax.training import config_files, older_runs

ROOT = pathlib.Path(__file__).resolve().parents[2]


def begun(workdir, name, without=(), **changes):
  """Files of an interrupted run of a network whose description lacks some fields."""
  entry = network_spec.describe(registry.make(name, 'tiny'))
  entry['fields'] = {k: v for k, v in entry['fields'].items() if k not in without} | changes
  (workdir / 'checkpoints' / '20').mkdir(parents=True)
  (workdir / 'config.json').write_text(json.dumps({'networks': {name: entry}}))
  return workdir


def resumed(stage, workdir):
  return older_runs.with_first_forms(config_files.load(ROOT / 'configs' / f'{stage}.py', 'tiny'), workdir)


def test_a_portrait_run_of_version_0_1_0_goes_on_with_its_weighting(tmp_path, capsys):
  name = 'sample_adaptive_weighting'
  workdir = begun(tmp_path, name, without=('pooled', 'num_heads', 'patch_size'))
  config = resumed('portrait', workdir)
  assert registry.from_fields(name, dict(config.model[name])).pooled
  assert f'began with pooled=True of {name}' in capsys.readouterr().err


def test_a_codec_run_of_version_0_1_0_goes_on_with_its_fields(tmp_path):
  config = resumed('motion_codec', begun(tmp_path, 'motion_codec', without=('truth_fields', 'truth_scales')))
  codec = registry.from_fields('motion_codec', dict(config.model.motion_codec))
  assert tuple(codec.truth_fields) == tuple(cartoon_motion.FIELDS)


def test_other_runs_keep_their_configuration(tmp_path):
  assert not resumed('portrait', tmp_path).model.sample_adaptive_weighting.pooled  # nothing has begun
  workdir = begun(tmp_path / 'new', 'sample_adaptive_weighting')
  config = config_files.load(ROOT / 'configs' / 'portrait.py', 'tiny')
  config.model.sample_adaptive_weighting.hidden = 5  # a mistake that the checkpoint names
  assert older_runs.with_first_forms(config, workdir) is config
