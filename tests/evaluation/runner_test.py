"""Evaluation runner: outputs are checked before anything is measured."""

import os

import green_faces
import ml_collections
import pytest

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.evaluation import runner
from seetalk_jax.media import face


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
