"""Preparation with Beam's direct runner: the corpus is equal byte for byte."""

from __future__ import annotations

import sys

import green_faces
import pytest

import seetalk_jax.prepare
from seetalk_jax.cli import main
from seetalk_jax.prepare import recording, runner
from seetalk_jax.prepare.thresholds import Thresholds

SETTINGS = recording.Settings(size=64, max_seconds=2.0, limits=Thresholds(min_side=64, min_sharpness=0.0))
OPTIONS = dict(settings=SETTINGS, landmarker='model', shard_records=3)


@pytest.fixture
def raw(tmp_path):
  folder = tmp_path / 'raw'
  for number in range(3):
    (folder / f'speaker{number}').mkdir(parents=True)
    green_faces.write(folder / f'speaker{number}' / 'a.mp4', seed=number, seconds=2.2)
  (folder / 'speaker1' / 'text.mp4').write_text('no video')
  return folder


def _files(folder):
  return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_beam_makes_the_same_bytes_and_goes_on_where_it_stopped(raw, tmp_path, monkeypatch):
  beam = pytest.importorskip('seetalk_jax.prepare.beam', exc_type=ImportError)
  wanted = runner.prepare(raw, tmp_path / 'one', processes=0, progress=False, **OPTIONS)
  assert beam.prepare(raw, tmp_path / 'many', **OPTIONS) == wanted
  assert _files(tmp_path / 'many') == _files(tmp_path / 'one')

  real, calls = recording.prepare_recording, []

  def breaks(*args):
    calls.append(args)
    if len(calls) == 3:
      raise OSError('no space left')
    return real(*args)

  monkeypatch.setattr(recording, 'prepare_recording', breaks)
  with pytest.raises(Exception, match='no space left'):
    beam.prepare(raw, tmp_path / 'broken', **OPTIONS)
  assert not (tmp_path / 'broken' / 'corpus.json').exists()
  monkeypatch.setattr(recording, 'prepare_recording', real)
  assert beam.prepare(raw, tmp_path / 'broken', **OPTIONS) == wanted
  assert _files(tmp_path / 'broken') == _files(tmp_path / 'one')
  assert beam.prepare(raw, tmp_path / 'broken', **OPTIONS) == wanted  # nothing to do


def test_without_beam_one_line_says_how_to_get_it(raw, tmp_path, monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, 'apache_beam', None)
  monkeypatch.delitem(sys.modules, 'seetalk_jax.prepare.beam', raising=False)
  monkeypatch.delattr(seetalk_jax.prepare, 'beam', raising=False)
  model = tmp_path / 'model.task'
  model.write_bytes(b'model')
  arguments = ['prepare', str(raw), str(tmp_path / 'out'), '--landmarker', str(model), '--beam', '']
  assert main.main(arguments) == 2
  assert 'seetalk-jax[beam]' in capsys.readouterr().err
