"""Tables of videos whole: rows of folders and of a release, ablations, another sound, outputs, one line for errors."""

import contextlib
import json

import green_faces
import numpy as np
import pytest

from seetalk_jax.configs import tables
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.evaluation import runner
from seetalk_jax.evaluation.videos import generation
from seetalk_jax.media import face
from seetalk_jax.testing import tiny_release


@pytest.fixture
def landmarker(tmp_path, monkeypatch):
  """A landmarker file in the place of MediaPipe's; faces are green squares."""

  def find(pixels, source):
    return face.portrait_box(green_faces.read(pixels).landmarks[0] * np.array(pixels.shape[1::-1]))

  path = tmp_path / 'face_landmarker.task'
  path.write_bytes(b'model')
  monkeypatch.setattr(face, 'landmarker_file', lambda *args, **options: str(path))
  monkeypatch.setattr(face, 'open_face_reader', lambda path: contextlib.nullcontext(green_faces.read))
  monkeypatch.setattr(generation, 'face_finder', lambda landmarker: contextlib.nullcontext(find))
  return str(path)


def folder(path, *names, **options):
  path.mkdir()
  for i, name in enumerate(names):
    green_faces.write(path / f'{name}.mp4', seconds=1.2, seed=i, **options)
  return str(path)


def config_of(name, **settings):
  config = tables.get_config(name)
  config.protocol.side = 64
  config.update(settings)
  return config


def evaluate(config, tmp_path, landmarker):
  assert runner.run(config, runner.Options(str(tmp_path / 'work'), landmarker=landmarker)) == 0
  path = tmp_path / 'work' / 'metrics.json'
  return json.loads(path.read_text()) if path.exists() else None


def test_folders_of_programs_are_rows_and_the_better_one_is_marked(tmp_path, landmarker, capsys):
  real = folder(tmp_path / 'real', 'a', 'b')
  worse = folder(tmp_path / 'worse', 'a', 'b', squares=((60, 40, 100),))
  config = config_of('talking-hdtf', real=real, checkpoint='', methods=f'same={real},worse={worse}')
  metrics = evaluate(config, tmp_path, landmarker)
  assert list(metrics['rows']) == ['same', 'worse', 'real', 'copy', 'shuffled']
  assert metrics['table']['name'] == 'talking-hdtf'
  assert metrics['table']['best']['psnr'] == ['same'] and metrics['table']['best']['m_lmd'] == ['same']
  assert metrics['rows']['same']['psnr']['value'] == 100.0 > metrics['rows']['worse']['psnr']['value']
  assert metrics['methods']['worse'] == {'place': worse}
  printed = capsys.readouterr().out
  assert printed.startswith('| method') and '**100**' in printed and 'LSE-C: not computed' in printed
  page = (tmp_path / 'work' / 'report.html').read_text()
  assert '<strong>100</strong>' in page and 'a: generated, worse, real' in page


@pytest.mark.slow
def test_an_ablation_makes_its_videos_from_one_release(tmp_path, landmarker):
  real = folder(tmp_path / 'real', 'a')
  config = config_of('lip-refinement', real=real, checkpoint=tiny_release.shared())
  metrics = evaluate(config, tmp_path, landmarker)
  assert list(metrics['rows'])[:2] == ['with', 'without']
  videos = sorted((tmp_path / 'work').glob('generated-*/a.mp4'))
  assert len(videos) == 2 and videos[0].read_bytes() != videos[1].read_bytes()
  settings = metrics['methods']['without']['settings']
  assert settings['without'] == ['lip_refiner'] and settings['fusion'] == 1.0
  assert metrics['methods']['with']['generated_by']['checkpoint'] == tiny_release.shared()


@pytest.mark.slow
def test_another_sound_leaves_out_measures_of_pairs(tmp_path, landmarker, capsys):
  real = folder(tmp_path / 'real', 'a', 'b')
  settings = dict(real=real, checkpoint=tiny_release.shared())
  for part in ('1/2', '2/2'):
    assert evaluate(config_of('talking-cross', part=part, **settings), tmp_path, landmarker) is None
  metrics = evaluate(config_of('talking-cross', **settings), tmp_path, landmarker)
  assert ' 0 results computed' in ' ' + capsys.readouterr().err.splitlines()[-1]
  assert not {'psnr', 'm_lmd', 'opening_r'} & set(metrics['rows']['seetalk'])
  assert metrics['rows']['seetalk']['one_face']['count'] == 2


def test_wrong_settings_are_one_line(tmp_path, landmarker):
  real = folder(tmp_path / 'real', 'a')
  for name, settings, message in (
    ('talking-hdtf', {}, 'nothing to measure on: set --config.real=DIR'),
    ('talking-hdtf', dict(real=real, methods='x=' + str(tmp_path / 'no')), 'no videos, .*no: give a folder'),
    ('talking-hdtf', dict(real=real, methods='x'), "not a row, 'x'"),
    ('talking-cross', dict(real=real), 'one video has no other sound'),
    ('end-to-end', dict(real=real), "row 'before' is missing"),
    ('long-videos', dict(real=real), 'no video of 121 s or more'),
  ):
    with pytest.raises(InputError, match=message):
      evaluate(config_of(name, **settings), tmp_path, landmarker)
  with pytest.raises(ConfigError, match="config.measures has 'psnrr', which is no measure"):
    evaluate(config_of('codebook', real=real, measures=('psnrr',)), tmp_path, landmarker)
