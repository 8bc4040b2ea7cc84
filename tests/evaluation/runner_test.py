"""Evaluation runner: outputs are checked before anything is measured."""

import os
import types

import green_faces
import ml_collections
import numpy as np
import pytest
from flax import traverse_util

from seetalk_jax.errors import ConfigError, InputError, PortraitError
from seetalk_jax.evaluation import runner
from seetalk_jax.media import face
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='no /proc')
@pytest.mark.parametrize('flag', ['workdir', 'json', 'sheet'])
def test_outputs_are_checked_first(tmp_path, flag):
  options = {'workdir': str(tmp_path), flag: '/proc/output'}
  with pytest.raises(InputError, match='/proc/output'):
    runner.run(ml_collections.ConfigDict(), runner.Options(**options))
  options[flag] = str(tmp_path)
  if flag != 'workdir':
    with pytest.raises(InputError, match='is a folder'):
      runner.run(ml_collections.ConfigDict(), runner.Options(**options))


def test_the_landmarker_is_needed_only_where_it_is_asked_for(tmp_path, monkeypatch, capsys):
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
  assert runner._find_landmarker(runner.Options('')) is None
  assert capsys.readouterr().err.startswith('theval is skipped: cannot find the face')
  assert runner._find_landmarker(runner.Options('', only=('lips',))) is None
  for options in (dict(only=('theval',)), dict(video_dir='videos'), dict(landmarker='no.task')):
    with pytest.raises(PortraitError):
      runner._find_landmarker(runner.Options('', **options))
  assert capsys.readouterr().err == ''


@pytest.mark.parametrize('flag', ['landmarker', 'video_dir'])
@pytest.mark.parametrize(
  'config, others', [({}, {'only': ('lips',)}), ({}, {'sheet': 'sheet.png'}), ({'experiment': 'figure3'}, {})]
)
def test_flags_of_theval_are_refused_where_it_is_not_measured(tmp_path, flag, config, others):
  others = {**others, **({'sheet': str(tmp_path / 'sheet.png')} if 'sheet' in others else {})}
  options = runner.Options(str(tmp_path), **{flag: 'given'}, **others)
  with pytest.raises(InputError, match=f'--{flag.replace("_", "-")} is for the part theval'):
    runner.run(ml_collections.ConfigDict(config), options)


def test_features_for_fid_need_a_network_with_all_weights(monkeypatch):
  assert runner._load_inception(ml_collections.ConfigDict({'inception': ''})) is None
  network = registry.make('inception', 'tiny')
  flat = {path: np.zeros(shape, np.float32) for path, shape in network_spec.shapes_of(network).items()}
  loaded = types.SimpleNamespace(module=network, params=traverse_util.unflatten_dict(flat, sep='/'), fresh=())
  monkeypatch.setattr(
    runner.initial_weights,
    'load_initial_weights',
    lambda places: types.SimpleNamespace(networks={'inception': loaded}),
  )
  config = ml_collections.ConfigDict({'inception': 'released/inception'})
  features = runner._load_inception(config)(np.zeros((3, 32, 32, 3), np.uint8))
  assert features.ndim == 2 and len(features) == 3 and not features.any()
  loaded.fresh = ('stem',)
  with pytest.raises(ConfigError, match='config.inception has no weights'):
    runner._load_inception(config)


def test_real_videos_are_checked_before_anything_is_measured(tmp_path):
  assert runner._real_videos('') == []
  for folder in (tmp_path / 'missing', tmp_path):
    with pytest.raises(InputError, match='no videos'):
      runner._real_videos(str(folder))
  (tmp_path / 'notes.txt').write_text('no video')
  with pytest.raises(InputError, match='notes.txt'):
    runner._real_videos(str(tmp_path))
  (tmp_path / 'notes.txt').unlink()
  videos = [green_faces.write(tmp_path / name, seconds=0.2) for name in ('b.mp4', 'a.mp4')]
  assert runner._real_videos(str(tmp_path)) == videos[::-1]
