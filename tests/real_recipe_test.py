"""Recipe for real recordings: what configs/all.py:real, real-demo and real-tiny set, and where networks start from."""

import json
import pathlib

import pytest

from seetalk_jax.constants import STAGES
from seetalk_jax.data import views
from seetalk_jax.data.picture_augment import pictures_of
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.stages import base
from seetalk_jax.training import all_stages, config_files, networks_check

ROOT = pathlib.Path(__file__).resolve().parents[1]
VARIANTS = {'real': 'base', 'real-demo': 'demo', 'real-tiny': 'tiny'}


def load(variant, **changes):
  config = config_files.load(ROOT / 'configs' / 'all.py', variant)
  config.update({'corpora': ('a', '/b')} | changes)
  return config


def flags_of(config, stage, workdir):
  command = all_stages.stage_command(config, stage, workdir)
  return dict(part.removeprefix('--').split('=', 1) for part in command if part.startswith('--'))


def base_release(config):
  return networks_check.base_release(all_stages.stage_configs(config), config.stages, config.start)


def pretend_trained(config, workdir, until):
  """Files of finished stages, as later ones read them."""
  for stage in STAGES[: STAGES.index(until)]:
    networks = dict.fromkeys(base.uses(all_stages.stage_config(config, stage)).trained, {})
    (workdir / stage).mkdir(parents=True)
    (workdir / stage / 'result.json').write_text('{}')
    (workdir / stage / 'config.json').write_text(json.dumps({'networks': networks}))


@pytest.mark.parametrize('variant', VARIANTS)
def test_no_stage_needs_ground_truth(variant):
  config = load(variant)
  assert config.variant == VARIANTS[variant] and tuple(config.stages) == STAGES
  for stage in STAGES:
    options = config.overrides[stage].options
    assert not options.get('with_truth', False) and not options.get('attributes_weight', 0.0)
    assert options.get('with_estimates', True)
  conre = config.overrides.conre.options
  assert conre.across_clips and conre.dropout and conre.layer_drop and conre.time_mask and conre.feature_mask


@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('stage', STAGES)
def test_every_stage_gets_the_recordings_and_their_augmentation(variant, stage, tmp_path):
  config = load(variant, weights=(1.0, 2.0))
  side = {'real': 384, 'real-demo': 384, 'real-tiny': 48}[variant]
  own = all_stages.stage_config(config, stage)
  assert own.data.corpora == ('a', '/b') and own.data.weights == (1.0, 2.0) and own.data.flips == 0.5
  assert own.data.min_side == (
    side if stage in ('autoencoder', 'codebook', 'code_transformer', 'render') else 0
  )
  # A stage without pictures refuses color jitter, and the colors of portraits are what is learned.
  view = own.options.get(
    'view', {'motion': 'speech_motion', 'autoencoder': 'image', 'codebook': 'image'}.get(stage)
  )
  has_pictures = view is None or bool(pictures_of(views.find_view(view).entries))
  has_pictures |= own.options.get('motion_source') == 'frames'
  jitters = has_pictures and stage not in ('face_prior', 'portrait')
  assert own.data.color_jitter == (0.5 if jitters else 0.0)
  pretend_trained(config, tmp_path, stage)
  flags = flags_of(config, stage, tmp_path)
  assert flags['config.data.corpora'] == "('a', '/b')" and flags['config.data_root'] == '.'


def test_corpora_and_sizes_of_one_stage_are_its_own():
  config = load('real', min_side=100)
  config.overrides.autoencoder.data.update(corpora=('c',), min_side=0)
  data = {stage: all_stages.stage_config(config, stage).data for stage in ('autoencoder', 'codebook')}
  assert (data['autoencoder'].corpora, data['autoencoder'].min_side) == (('c',), 0)
  assert (data['codebook'].corpora, data['codebook'].min_side) == (('a', '/b'), 100)
  assert config.overrides.codebook.data.corpora == ()  # the configuration of the user stays as it is


def test_weights_of_one_stage_are_its_own():
  config = load('real', weights=(3.0, 1.0))
  config.overrides.autoencoder.data.weights = (1.0, 0.0)
  data = {stage: all_stages.stage_config(config, stage).data for stage in ('autoencoder', 'codebook')}
  assert (data['autoencoder'].corpora, data['autoencoder'].weights) == (('a', '/b'), (1.0, 0.0))
  assert data['codebook'].weights == (3.0, 1.0)


def test_networks_start_from_releases_until_a_stage_has_trained_them(tmp_path):
  config = load('real-demo')
  assert flags_of(config, 'conre', tmp_path)['config.init.speech_encoder'] == 'demo'
  assert 'config.init.face_encoder' not in flags_of(
    config, 'conre', tmp_path
  )  # the shipped weights have none
  pretend_trained(config, tmp_path, 'render')
  flags = flags_of(config, 'portrait', tmp_path)
  assert flags['config.init.speech_encoder'] == str(tmp_path / 'conre')
  assert flags['config.init.portrait_unet'] == 'demo'
  assert flags['config.init.face_prior'] == str(tmp_path / 'face_prior')
  codec = flags_of(config, 'motion_codec', tmp_path)
  assert (codec['config.init.motion_codec'], codec['config.init.face_encoder']) == (
    'demo',
    str(tmp_path / 'conre'),
  )
  # The subspace of the shipped lip refiner belongs to the shipped codec.
  assert 'config.init.lip_refiner' not in flags_of(config, 'lip_refiner', tmp_path)
  from_nothing = load('real-demo', start=())
  assert not any(value == 'demo' for value in flags_of(from_nothing, 'motion_codec', tmp_path).values())


def test_the_recipe_for_one_person_compares_no_speakers(tmp_path):
  config = load('real-person')
  assert not {'conre', 'autoencoder', 'face_prior', 'portrait'} & set(config.stages)
  assert {base.uses(all_stages.stage_config(config, stage)).num_speakers for stage in config.stages} == {1}
  assert {base.uses(all_stages.stage_config(load(v), 'conre')).num_speakers for v in VARIANTS} == {2}
  assert base_release(config) == 'demo'
  found = [flags_of(config, stage, tmp_path) for stage in ('motion_codec', 'motion', 'render')]
  assert 'config.init.face_encoder' not in found[0]
  assert found[1]['config.init.speech_encoder'] == found[2]['config.init.autoencoder'] == 'demo'
  whole = load('real-demo').max_minutes
  assert sum(whole.values()) == 60.0 and sum(whole[stage] for stage in config.stages) == 40.0


def test_what_no_stage_trains_is_read_from_a_release_and_kept_in_the_new_one(tmp_path):
  config = load('real-demo', stages=('motion_codec',))
  config.overrides.motion_codec.options.cross_identity_weight = 0.0
  assert base_release(config) == 'demo'
  assert base_release(load('real-demo')) == '' == base_release(load('real'))
  config = load('real-demo', stages=('motion',))
  assert flags_of(config, 'motion', tmp_path)['config.init.motion_codec'] == 'demo'
  with pytest.raises(ConfigError, match=r'stage motion needs motion_codec.*config.start=\(\)'):
    flags_of(load('real-demo', stages=('motion',), start=()), 'motion', tmp_path)


@pytest.mark.parametrize(
  ('variant', 'changes', 'words'),
  [
    ('real', {'stages': ('motoin',)}, 'config.stages=.* are not stages'),
    ('real-person', {'start': ()}, 'stage motion needs speech_encoder'),
    ('real', {'start': ('demo',)}, 'networks of another size'),
    ('real-tiny', {}, 'a is no corpus'),
    ('real-tiny', {'corpora': ()}, 'no recordings, config.corpora='),
    ('real-tiny', {'weights': (1.0, 1.0)}, 'a is no corpus'),
  ],
)
def test_a_run_is_refused_before_its_first_stage(variant, changes, words, tmp_path, monkeypatch):
  monkeypatch.setattr(all_stages._Children, 'call', lambda *_: pytest.fail('a stage has begun'))
  config = load(variant, data_root=str(tmp_path), **changes)
  with pytest.raises(InputError, match=words):
    all_stages.run(config, tmp_path / 'run')
  assert not any((tmp_path / 'run').iterdir())
