"""Interrupted runs of earlier versions: fields of networks that came later have the values of the run."""

import json
import pathlib

from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec, retired
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


def test_a_codec_run_of_an_earlier_version_goes_on_with_its_form(tmp_path, capsys, monkeypatch):
  monkeypatch.setitem(retired.FIRST_VALUES, 'MotionCodec', {'low_grid': True})
  workdir = begun(tmp_path, 'motion_codec', without=('low_grid',))
  config = resumed('motion_codec', workdir)
  assert registry.from_fields('motion_codec', dict(config.model.motion_codec)).low_grid
  assert 'began with low_grid=True of motion_codec' in capsys.readouterr().err


def test_other_runs_keep_their_configuration(tmp_path):
  assert not resumed('motion_codec', tmp_path).model.motion_codec.low_grid  # nothing has begun
  workdir = begun(tmp_path / 'new', 'sample_adaptive_weighting')
  config = config_files.load(ROOT / 'configs' / 'portrait.py', 'tiny')
  config.model.sample_adaptive_weighting.hidden = 5  # a mistake that the checkpoint names
  assert older_runs.with_first_forms(config, workdir) is config
