"""Configurations: each imports, is locked, and names existing networks and options; errors are one line."""

import ast
import dataclasses
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from ml_collections.config_flags import config_path

from seetalk_jax.cli import config_fields, main
from seetalk_jax.configs import common, tables
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.tables import methods
from seetalk_jax.evaluation.videos import catalogue
from seetalk_jax.models import registry
from seetalk_jax.stages import base
from seetalk_jax.training import all_stages, config_files, lora, unfreeze

ROOT = pathlib.Path(__file__).resolve().parents[1]
VARIANTS = ('tiny', 'demo', 'base', 'large')

# Networks with published weights that no stage trains.
ONLY_CONVERTED = {'perceptual', 'codeformer', 'inception', 'i3d'}


@pytest.mark.parametrize('stage', base.STAGES)
def test_a_discriminator_is_clipped_by_a_norm_of_its_own(stage):
  config = load(stage, 'base')
  assert ('discriminator' in dict(config.optimizer.max_grad_norms)) == ('discriminator' in config.model)


def load(stage, variant):
  return config_files.load(ROOT / 'configs' / f'{stage}.py', variant)


@pytest.mark.parametrize('stage', base.STAGES)
def test_every_variant_names_real_networks(stage):
  fields = {}
  for variant in VARIANTS:
    config = load(stage, variant)
    assert config.stage == stage
    fields[variant] = set(dict(config.items())) | {f'optimizer.{k}' for k in config.optimizer}
    assert set(config.init) >= set(config.model)
    for name, fields_of_network in config.model.items():
      registry.from_fields(name, fields_of_network)
      assert set(config.lora[name]) == {'rank', 'alpha', 'targets'} and config.lora[name].rank == 0
    assert set(config.init) - {'face_prior'} <= set(registry.NETWORKS)
    used = base.uses(config)
    assert set(used.names) <= set(config.init) and not set(used.frozen) & set(config.model)
    assert all(kind.split('/')[1] in ('faces', 'clips', 'talks') for kind in config.data.corpora)
  assert fields['tiny'] == fields['demo'] == fields['base'] == fields['large']
  text = (ROOT / 'configs' / f'{stage}.py').read_text()
  assert f'configs/{stage}.py:demo' in ast.get_docstring(ast.parse(text))
  with pytest.raises(ConfigError, match='huge'):
    load(stage, 'huge')


@pytest.mark.parametrize('stage', base.STAGES)
def test_only_stages_that_learn_details_leave_out_small_faces(stage):
  details = stage in ('autoencoder', 'codebook', 'code_transformer', 'render')
  for variant, for_pod in (('demo', False), ('base', True)):
    data = load(stage, variant).data
    assert data.min_side == (384 if details and for_pod else 0)
    assert data.max_outside == 1.0


@pytest.mark.parametrize('stage', base.STAGES)
def test_options_are_fields_of_the_stage(stage):
  config = load(stage, 'demo')
  module = importlib.import_module(base.STAGES[stage])
  classes = [c for c in vars(module).values() if isinstance(c, type) and dataclasses.is_dataclass(c)]
  own = [c for c in classes if c.__module__ == module.__name__ and hasattr(c, 'batch_spec')]
  assert len(own) == 1
  assert base.options_of(own[0], config) == dict(config.options)


@pytest.mark.parametrize(('variant', 'left_out'), [('tiny', set()), ('demo', {'sync_expert', 'syncnet'})])
def test_all_names_stages_in_an_order_that_works(variant, left_out):
  config = load('all', variant)
  assert set(config.stages) <= set(base.STAGES)
  assert set(config.max_minutes) <= set(config.stages)
  trained = set()
  for stage in config.stages:
    stage_config = load(stage, variant)
    given = set(base.uses(stage_config).frozen)
    assert given <= trained, (stage, given - trained)
    trained |= set(stage_config.model)
  toys = {name for name in registry.NETWORKS if name.startswith('toy')}
  assert trained == set(registry.NETWORKS) - toys - ONLY_CONVERTED - left_out


def places_of(config, stage, workdir):
  """{network: run} in the command of a stage."""
  command = all_stages.stage_command(config, stage, workdir)
  named = [part.removeprefix('--config.init.') for part in command if part.startswith('--config.init.')]
  return {name: pathlib.Path(place).name for name, place in (part.split('=') for part in named)}


@pytest.fixture(scope='module')
def all_trained(tmp_path_factory):
  """Stand-in directory of finished runs, with the files that later stages read; and {stage: its inputs}."""
  workdir, config, given = tmp_path_factory.mktemp('all'), load('all', 'demo'), {}
  for stage in config.stages:
    given[stage] = places_of(config, stage, workdir)
    trained = base.uses(load(stage, 'demo')).trained
    (workdir / stage).mkdir()
    (workdir / stage / 'result.json').write_text('{}')
    (workdir / stage / 'config.json').write_text(json.dumps({'networks': dict.fromkeys(trained, {})}))
  return workdir, given


def test_a_stage_starts_from_its_first_phases(all_trained, tmp_path):
  config, workdir = load('all', 'demo'), tmp_path / 'run'
  shutil.copytree(all_trained[0], workdir)
  shutil.rmtree(workdir / 'motion_codec')
  in_order = all_stages.phases(config)
  assert [stage for stage, phase in in_order if not phase] == list(config.stages)
  assert [phase for stage, phase in in_order if stage == 'motion_codec'] == [1, 2, 0]

  def command(stage, phase=0):
    return all_stages.stage_command(config, stage, workdir, phase)

  before = []
  for phase, name in ((1, 'motion_codec_1'), (2, 'motion_codec_2'), (0, 'motion_codec')):
    flags = command('motion_codec', phase)
    assert f'--workdir={workdir / name}' in flags
    assert ('--config.options.geometry_only=true' in flags) == (phase == 1)
    assert ('--config.options.image_size=128' in flags) == (phase > 0)
    assert [flag for flag in flags if 'config.init' in flag] == before
    (workdir / name).mkdir()
    (workdir / name / 'result.json').write_text('{}')
    (workdir / name / 'config.json').write_text('{"networks": {"motion_codec": {}}}')
    before = [f'--config.init.motion_codec={workdir / name}']
  assert before[0] in command('code_transformer')


def test_all_gives_every_stage_the_networks_that_it_uses_and_no_others(all_trained):
  workdir, given = all_trained
  for stage, places in given.items():
    used = base.uses(load(stage, 'demo'))
    assert set(used.frozen) <= set(places) <= set(used.names), stage
  # Critics of weight 0 need no face encoder.
  assert given['codebook'] == given['motion_codec'] == {}
  assert given['render'] == {
    'autoencoder': 'autoencoder',
    'code_transformer': 'code_transformer',
    'codebook': 'codebook',
    'hr_decoder': 'code_transformer',
    'motion_codec': 'motion_codec',
  }
  assert given['portrait'] == {
    'autoencoder': 'autoencoder',
    'face_prior': 'face_prior',
    'speech_encoder': 'conre',
  }
  with pytest.raises(ConfigError, match='stage motion needs motion_codec'):
    all_stages.stage_command(load('all', 'demo'), 'motion', workdir / 'empty')


def parse_flags(*arguments):
  """The configuration that train.py makes of a command."""
  given = [part for part in arguments if part.startswith('--config')]
  args = main.make_parser().parse_args(['train', '--workdir=x', *given])
  return config_fields.read(args.config, args.fields)


def test_network_config_names_what_is_wrong():
  assert common.network_config('portrait_unet', 'demo', patch_size=2).patch_size == 2
  with pytest.raises(
    ConfigError, match="field 'patch' is not one of network portrait_unet: use one of .*patch_size"
  ):
    common.network_config('portrait_unet', 'demo', patch=2)
  with pytest.raises(ConfigError, match="size 'huge' of portrait_unet is unknown"):
    common.network_config('portrait_unet', 'huge')
  config = load('portrait', 'tiny').unlock()
  config.model = {'portrait_unet': 'demo'}
  with pytest.raises(ConfigError, match="config.model.portrait_unet='demo' is not a table of fields"):
    base.network_for('portrait_unet', config, {})


def test_networks_and_tables_are_flags():
  config = parse_flags(
    f'--config={ROOT}/configs/portrait.py:tiny',
    '--config.model.portrait_unet.channels=(16, 24)',
    '--config.model.portrait_unet.remat=dots',
    '--config.lora.portrait_unet.rank=16',
    '--config.lora.portrait_unet.alpha=8',
    "--config.lora.portrait_unet.targets=('to_q',)",
    "--config.unfreeze=(('portrait_unet/down', 10000), ('portrait_unet', -1))",
    "--config.optimizer.rates=(('portrait_unet/down', 0.1),)",
    '--config.keep_best.metric=psnr',
  )
  unet = base.network_for('portrait_unet', config, {})
  assert unet.channels == (16, 24) and unet.remat == 'dots' and unet.dtype == 'float32'
  assert lora.read('portrait_unet', config.lora.portrait_unet) == lora.LowRank(16, 8.0, ('to_q',))
  assert unfreeze.checked(config.unfreeze) == {'portrait_unet/down': 10000, 'portrait_unet': -1}
  assert config.optimizer.rates == (('portrait_unet/down', 0.1),)
  assert config.keep_best.to_dict() == {'metric': 'psnr', 'mode': 'max'}
  one = parse_flags(f'--config={ROOT}/configs/portrait.py:tiny', "--config.unfreeze=(('portrait_unet', 5),)")
  assert unfreeze.checked(one.unfreeze) == {'portrait_unet': 5}


@pytest.mark.parametrize(
  'stage, overrides, name, place',
  [
    ('codebook', {'data.batch_size': 2, 'options.face_feature_weight': 0.5}, 'face_encoder', 'conre'),
    ('face_prior', {'options.with_voice': False}, 'speech_encoder', None),
    ('lip_refiner', {'options.view': 'speech_motion'}, 'sync_expert', None),
    ('lip_refiner', {'init.syncnet': '/converted'}, 'sync_expert', None),
    ('motion', {'init.motion_codec': '/mine'}, 'motion_codec', None),
    (
      'motion',
      {'data.corpora': ('x', 'y'), 'model.motion_transformer.width': 96},
      'motion_codec',
      'motion_codec',
    ),
  ],
)
def test_overrides_change_what_all_gives(all_trained, stage, overrides, name, place):
  config = load('all', 'demo')
  config.overrides[stage].update_from_flattened_dict(overrides)
  command = all_stages.stage_command(config, stage, all_trained[0])
  parsed = parse_flags(*command)
  for field, value in overrides.items():
    assert config_path.get_value(field, parsed) == value
  if not any(field.startswith('init.') for field in overrides):
    assert places_of(config, stage, all_trained[0]).get(name) == place
  else:
    ours = f'--config.init.{name}={all_trained[0]}'
    assert not any(part.startswith(ours) for part in command)


def test_asking_what_stages_use_starts_no_device():
  # The process that starts the stages in sequence must not hold device memory.
  code = """
from seetalk_jax.training import all_stages, config_files, networks_check, stage_data
from seetalk_jax.stages import base
for stage in base.STAGES:
  base.uses(config_files.load(f'configs/{stage}.py', 'demo'))
config = config_files.load('configs/all.py', 'real-demo')
stages = all_stages.stage_configs(config)
networks_check.check(stages, config.stages, config.start)
networks_check.check_windows(stages, config.stages)
for own in stages.values():
  stage_data.view_of(own)
"""
  environment = {**os.environ, 'JAX_PLATFORMS': 'none', 'PYTHONPATH': str(ROOT)}  # any device is an error
  command = [sys.executable, '-c', code]
  out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
  assert out.returncode == 0, out.stderr


def train(*arguments):
  command = [sys.executable, str(ROOT / 'train.py'), *arguments]
  return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)


@pytest.mark.parametrize(
  'arguments, message',
  [
    (
      ['--config=configs/conre.py:demo', '--workdir=x', '--config.optimizer.learning_rat=1'],
      "no field 'learning_rat'",
    ),
    (['--config=configs/conre.py:demo', '--workdir=x', '--config.num_steps=many'], 'many'),
    (['--config=configs/conre.py:demo', '--workdir=x', '--config.model.conre.hiden=8'], "no field 'hiden'"),
    (['--config=configs/conre.py:demo', '--workdir=x', '--config.model.conre=demo'], 'model.conre'),
    (['--config=configs/conre.py:huge', '--workdir=x'], 'huge'),
    (['--config=configs/conra.py:demo', '--workdir=x'], 'conra'),
    (['--config=configs/conre.py:demo'], 'workdir'),
    (['--config=configs/conre.py:demo', '--workdir=x', '--wordir=y'], 'wordir'),
    (['--config=configs/conre.py:tiny', '--workdir={tmp}/x', '--config.data_root={tmp}/none'], 'none'),
    (['--config=configs/portrait.py:tiny', '--workdir={tmp}/x'], 'config.init.speech_encoder'),
  ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path):
  out = train(*(argument.replace('{tmp}', str(tmp_path)) for argument in arguments))
  assert out.returncode == 2, out.stderr
  lines = out.stderr.strip().splitlines()
  assert lines[-1].startswith('error: ') and message in lines[-1], out.stderr
  assert 'Traceback' not in out.stderr


@pytest.mark.parametrize('name', tables.TABLES)
def test_every_table_builds_and_names_known_measures(name):
  config = config_files.load(ROOT / 'configs' / 'tables.py', name)
  assert f'{name}' in (ROOT / 'docs' / 'evaluation.md').read_text()
  if name == 'prior':
    assert config.experiment == 'figure3'
    return
  assert config.table == name
  assert config.checkpoint or config.names
  if config.kind == 'videos':
    assert config.measures and set(config.measures) <= set(catalogue.ALL)
    order = list(tables.VIDEOS[name].get('variants', {'seetalk': {}}))
    assert list(config.variants) == order
    if not config.names:
      assert [method.name for method in methods.methods_of(config)] == order


def test_an_unknown_table_is_one_line():
  with pytest.raises(ConfigError, match="table 'talking' is unknown: use --config"):
    config_files.load(ROOT / 'configs' / 'tables.py', 'talking')
