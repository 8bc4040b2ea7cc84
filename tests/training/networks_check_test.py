"""Check of networks before a run: stages, missing and unfinished networks, and the release of all others."""

import json
import pathlib

import pytest

from seetalk_jax.constants import STAGES
from seetalk_jax.errors import ConfigError
from seetalk_jax.releases import storage
from seetalk_jax.stages import base
from seetalk_jax.training import all_stages, config_files, networks_check

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(variant, overrides=None, **changes):
  config = config_files.load(ROOT / 'configs' / 'all.py', variant)
  config.update(changes)
  config.overrides.update(overrides or {})
  return config


def release(folder, *names, fresh=()):
  """Description of a release, without weights, whose networks lack the parts `fresh`."""
  info = storage.read_info('demo')[1]
  any_entry = info['networks']['codebook']
  info['networks'] = {name: {**any_entry, 'fresh': list(fresh)} for name in names}
  folder.mkdir()
  (folder / 'seetalk.json').write_text(json.dumps(info))
  return str(folder)


def check(config):
  stages = all_stages.stage_configs(config)
  networks_check.check(stages, config.stages, config.start)
  networks_check.check_windows(stages, config.stages)
  return networks_check.base_release(stages, config.stages, config.start)


def refused(config):
  with pytest.raises(ConfigError) as error:
    check(config)
  assert '\n' not in str(error.value)
  return str(error.value)


def but(*stages):
  return tuple(stage for stage in STAGES if stage not in stages)


@pytest.mark.parametrize('names', [('motoin',), ('motion', 'conre'), ('motion', 'motion'), ()])
def test_stages_that_are_unknown_or_in_another_order(names):
  with pytest.raises(
    ConfigError, match='are not stages in the order of training: use some of conre, .*render'
  ):
    networks_check.check_stages(names)


@pytest.mark.parametrize('variant', ['demo', 'tiny', 'real', 'real-demo', 'real-tiny'])
def test_whole_runs_have_all_that_they_need(variant):
  networks_check.check_stages(load(variant).stages)
  assert check(load(variant)) == ''
  assert check(load('real-person')) == 'demo'


def test_missing_networks_are_named_before_the_first_stage(tmp_path):
  found = refused(load('real-person', start=()))
  assert 'stage motion needs speech_encoder, which no earlier one of config.stages=' in found
  assert 'no release of config.start=()' in found
  wavlm = release(tmp_path / 'wavlm', 'speech_encoder')
  found = refused(load('real', stages=but('conre'), start=(wavlm,)))
  assert 'stage motion_codec needs face_encoder' in found
  assert found.endswith(', or set --config.overrides.motion_codec.options.cross_identity_weight=0')
  without = {'motion_codec': {'options': {'cross_identity_weight': 0.0}}}
  assert check(load('real', without, stages=but('conre'), start=(wavlm,))) == wavlm


def test_converted_networks_with_untrained_parts_need_their_stage(tmp_path):
  wavlm = release(tmp_path / 'wavlm', 'speech_encoder', fresh=('token_head',))
  without = {'motion_codec': {'options': {'cross_identity_weight': 0.0}}}
  assert refused(load('real', without, stages=but('conre'), start=(wavlm,))) == (
    f'stage portrait reads speech_encoder of {wavlm}, which is converted and whose token_head are not trained yet: '
    'add conre to config.stages, before portrait'
  )
  assert check(load('real', start=(wavlm,))) == ''
  given = {'motion': {'init': {'speech_encoder': wavlm}}}
  assert 'stage motion reads speech_encoder' in refused(load('real', given))
  given = {'motion': {'init': {'motion_codec': wavlm}}}
  assert refused(load('real', given)) == (
    f'{wavlm} has no motion_codec, it holds speech_encoder: change config.overrides.motion.init.motion_codec'
  )


def test_networks_of_training_alone_are_not_kept(tmp_path):
  perceptual = release(tmp_path / 'perceptual', 'perceptual')
  restorer = release(tmp_path / 'restorer', 'codeformer')
  assert check(load('real', start=(perceptual, restorer))) == ''
  assert check(load('real-person', start=('demo', perceptual))) == 'demo'
  unet = release(tmp_path / 'unet', 'portrait_unet')
  assert check(load('real', start=(unet, perceptual))) == ''
  speech = release(tmp_path / 'speech', 'speech_encoder', 'autoencoder')
  found = refused(load('real-person', start=(speech, unet)))
  assert f'some networks of {speech} and {unet}, and a release is made of one of them' in found


def test_a_sync_expert_of_a_release_is_used(tmp_path):
  syncnet = release(tmp_path / 'syncnet', 'syncnet')
  config = load('real', start=(syncnet,))
  assert check(config) == ''
  for stage in STAGES[: STAGES.index('render')]:
    (tmp_path / stage).mkdir()
    (tmp_path / stage / 'result.json').write_text('{}')
    trained = base.uses(config.overrides[stage]).trained
    (tmp_path / stage / 'config.json').write_text(json.dumps({'networks': dict.fromkeys(trained, {})}))
  for stage in ('lip_refiner', 'render'):
    command = all_stages.stage_command(config, stage, tmp_path)
    assert f'--config.init.syncnet={syncnet}' in command
    assert not any(part.startswith('--config.init.sync_expert') for part in command)


def test_tracks_of_the_lip_refiner_are_no_longer_than_the_windows_of_motion():
  short = {'motion': {'options': {'num_frames': 50}}}
  assert 'stage lip_refiner samples tracks of 100 frames' in refused(load('real-demo', short))
  assert 'stage lip_refiner samples tracks of 75 frames' in refused(load('real', short))
  check(load('real-demo', short, stages=but('lip_refiner')))
