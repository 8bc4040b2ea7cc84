"""The whole evaluation on a sketched world: a perfect pipeline reaches its targets, a wrong one does not."""

import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation import evaluation, report, sheet
from seetalk_jax.evaluation.probes import readers, worlds
from seetalk_jax.synthetic import sketch
from seetalk_jax.training import config_files

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_JAW, _YAW = 0, 15


def _config(variant='quick'):
  return config_files.load(_ROOT / 'configs' / 'demo.py', variant).unlock()


class _SketchedWorld(worlds.MeasuredWorld):
  def __init__(self):
    super().__init__(sketch.SketchWorld(), skin_parts=(1,), hair_parts=(2,), outside_parts=(0,))

  def opening(self, motion):
    return np.clip(motion[:, _JAW], 0, 1)


class _Oracle:
  """Draws the world's own pictures; `late` frames of delay make its lips late."""

  def __init__(self, world, talks, late=0):
    self.world, self.talks, self.late = world, talks, late

  def _talk(self, speech):
    return next(talk for talk in self.talks if np.array_equal(talk.speech, speech))

  def portraits(self, speech, seeds):
    return np.concatenate(
      [self.world.draw(int(1e4 * np.abs(speech).sum()), s, np.zeros((1, 20)), 256).frames for s in seeds]
    )

  def video(self, speech, seed):
    talk = self._talk(speech)
    motion = np.roll(talk.motion, self.late, axis=0)
    return self.world.draw(talk.speaker, seed, motion, 256).frames

  def late_frame(self, portrait, speech, seed):
    return np.roll(portrait, 8, axis=1)

  def rebuild(self, source, target, weights=(1.0,)):
    return {'codec': target, 'copy': source}

  def motion(self, frames):
    return np.stack([frames[:, 128, 128, 0] / 255.0, np.arange(len(frames))], axis=-1)

  def codes(self, frames):
    return np.arange(len(frames) * 4).reshape(-1, 2, 2) % 32, 64


class _SketchReader:
  """Reads the sketched world's pictures without a network: how red, where, which colours."""

  error = agreement = dict.fromkeys(readers.FIELDS, 0.0)

  def __call__(self, images):
    readings = np.zeros((len(images), len(readers.FIELDS)), np.float32)
    for image, row in zip(images, readings, strict=True):
      mouth = np.all(np.abs(image.astype(int) - [128, 26, 26]) < 12, axis=-1)
      row[0] = mouth.sum() / 500
      row[1] = np.nonzero(mouth)[1].mean() / 12.8 - 5 if mouth.any() else 0
      row[list(readers.SKIN)] = image[60, 60] / 255
      row[list(readers.HAIR)] = image[22, 64] / 255
    return readings


class _ColourReader:
  """Tells people apart by the colour of their skin and hair."""

  def __call__(self, images):
    colours = np.concatenate([images[:, 60, 60], images[:, 22, 64]], axis=-1) / 255.0
    centred = np.concatenate([colours - 0.5, 0.1 * np.ones((len(images), 1))], axis=-1)
    return centred / np.linalg.norm(centred, axis=-1, keepdims=True)


def _evaluation(workdir, late=0):
  config = _config()
  config.talks.frames, config.codec.pairs = 60, 4
  world = _SketchedWorld()
  made = evaluation.Evaluation(config, world, lambda: None, str(workdir))
  made.__dict__.update(
    reader=_SketchReader(), identity_reader=_ColourReader(), generator=_Oracle(world, made.talks, late)
  )
  return made


@pytest.fixture(scope='module')
def evaluated(tmp_path_factory):
  return _evaluation(tmp_path_factory.mktemp('work'))


def test_a_perfect_pipeline_is_seen_as_one(evaluated):
  figures = evaluated.run(['lips', 'life', 'codec'])
  by_name = {figure.name: figure for figure in figures}
  assert by_name['opening, median r with the truth at lag 0'].value > 0.95
  assert by_name['best lag of all voices together, frames'].value == 0
  assert abs(by_name['shuffled speech, median r'].value) < 0.75
  assert by_name['PSNR over the head, codec, dB'].value == math.inf
  assert by_name['the source copied, dB'].value <= 18.5
  copied = by_name['PSNR over the head, copy, dB']
  assert copied.value == pytest.approx(by_name['the source copied, dB'].value)
  assert by_name["yaw, std over the truth's"].reached


def test_frames_to_rebuild_have_the_configured_size_whatever_ran_before(tmp_path, monkeypatch):
  made = _evaluation(tmp_path)
  sizes = []

  def rebuild(source, target, weights=(1.0,)):
    sizes.append(source.shape[1])
    return {'codec': target}

  monkeypatch.setattr(made.generator, 'rebuild', rebuild)
  made.config.codec.pairs = 1
  made.__dict__['portraits'] = np.zeros((1, 64, 64, 3), np.uint8)  # as the part `voice` leaves them
  made.codec()
  assert set(sizes) == {made.config.image_size}


def test_late_lips_are_seen_as_late(tmp_path):
  by_name = {figure.name: figure for figure in _evaluation(tmp_path, late=3).run(['lips'])}
  assert by_name['best lag of all voices together, frames'].value == 3
  assert by_name['best lag of all voices together, frames'].reached is False


def test_faces_and_identity_give_their_figures(evaluated):
  figures = evaluated.run(['voice', 'identity'])
  names = [figure.name for figure in figures]
  assert any(name.startswith('sex read right') for name in names)
  assert sum('spread for one voice' in name for name in names) == 3
  assert sum('true portraits, redrawn' in name for name in names) == 3
  named = next(figure for figure in figures if figure.name.startswith('named from a late frame'))
  assert named.count == 10
  assert named.value >= 90  # chance is 10; the same picture moved by 8 pixels of 256
  assert report.table(figures)


def test_reenactment_tells_who_moves_from_who_is_seen(evaluated):
  """The oracle shows the driver: the motion is all there, the person is another."""
  by_name = {figure.name: figure for figure in evaluated.run(['reenactment'])}
  assert by_name['self: PSNR over the head, dB, codec'].value == math.inf
  assert by_name['self: SSIM over the head, codec'].value == pytest.approx(1)
  assert by_name['self: gradient energy over the truth, codec'].value == pytest.approx(1)
  copied = by_name['self: PSNR over the head, dB, copy'].value
  assert copied == pytest.approx(by_name['self: the portrait copied, dB'].value)
  assert by_name['self: SSIM over the head, copy'].value < 0.999
  assert by_name['cross: opening of the driver kept, r'].value > 0.85
  assert by_name['cross: PSNR over the head, dB, codec'].value < 30
  named = next(figure for name, figure in by_name.items() if name.startswith('cross: the source named'))
  assert named.value <= 50
  assert by_name['perplexity on held-out frames, % of the codes'].value == pytest.approx(50)


def test_a_perfect_copy_flickers_as_the_exact_rendering_does(evaluated):
  values = {figure.name.rpartition(', ')[2]: figure.value for figure in evaluated.run(['flicker'])}
  assert values['codec'] == values['exact rendering'] >= 0 and set(values) > {'copy'}


def test_readers_are_kept_between_evaluations(tmp_path):
  config = _config()
  config.looks.num, config.reader.steps, config.reader.batch_size = 6, 1, 2
  config.network.widths, config.network.features = (16,), 8

  def reader():
    return evaluation.Evaluation(config, _SketchedWorld(), lambda: None, str(tmp_path)).reader

  first = reader()
  assert reader().error == pytest.approx(first.error, nan_ok=True)
  assert set(first.error) == set(readers.FIELDS)
  assert len(list(tmp_path.glob('reader-*'))) == 1
  config.reader.seed += 1
  reader()
  assert len(list(tmp_path.glob('reader-*'))) == 2
  assert len(list(tmp_path.glob('looks-*'))) == 1


def test_an_unknown_part_is_a_users_mistake(evaluated):
  with pytest.raises(ConfigError, match='unknown part'):
    evaluated.run(['lip'])


def test_the_sheet_shows_voices_in_rows(evaluated, tmp_path):
  path = tmp_path / 'pictures' / 'results.png'
  sheet.write_sheet(str(path), evaluated, voices=2, faces=2, frames=4)
  with Image.open(path) as image:
    assert image.size[0] == 6 * (sheet.CELL + sheet.GAP) + sheet.GAP
  assert sheet.spread_out(np.array([0, 1, 0, 5, 2, 9, 9, 0]), 4).tolist() == [0, 3, 4, 6]
  assert [p.name for p in path.parent.iterdir()] == ['results.png']


def test_config_variants():
  assert _config('demo').faces.voices == 100
  assert _config('quick').talks.voices < _config().talks.voices or _config('quick').talks.voices == 4
  with pytest.raises(ConfigError, match="variant 'large' is unknown"):
    _config('large')


def test_command_line_mistakes_are_one_line():
  command = [sys.executable, 'evaluate.py', '--config', 'configs/demo.py:quick', 'stray']
  done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT)
  assert done.returncode == 2
  assert done.stderr.count('error:') == 1 and 'stray' in done.stderr
  assert 'Traceback' not in done.stderr


def test_figures_file_is_whole(tmp_path):
  path = tmp_path / 'figures.json'
  report.write_json(str(path), [report.Figure('codec', 'PSNR', math.inf)], {'config': _config().to_dict()})
  assert json.loads(path.read_text())['config']['faces']['voices'] == 10
