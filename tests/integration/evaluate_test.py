"""Evaluation on a sketched world: a perfect pipeline reaches the targets, a wrong one does not."""

import argparse
import json
import math
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seetalk_jax.cli import evaluate
from seetalk_jax.constants import MOTION_DIM, MOTION_FIELDS
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation import inputs, registry, report, runner, sheet
from seetalk_jax.evaluation.parts import codec
from seetalk_jax.evaluation.probes import readers, worlds
from seetalk_jax.synthetic import sketch
from seetalk_jax.training import config_files

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_JAW, _YAW = (MOTION_FIELDS.index(name) for name in ('jawOpen', 'yaw'))


def _config(variant='quick'):
  return config_files.load(_ROOT / 'configs' / 'demo.py', variant).unlock()


class _SketchedWorld(worlds.MeasuredWorld):
  def __init__(self):
    super().__init__(sketch.SketchWorld(), skin_parts=(1,), hair_parts=(2,), outside_parts=(0,))

  def opening(self, motion):
    return np.clip(motion[:, _JAW], 0, 1)


class _Oracle:
  """A perfect generator that renders the world's own pictures; its lips are delayed by `late` frames."""

  def __init__(self, world, talks, late=0):
    self.world, self.talks, self.late = world, talks, late

  def _talk(self, speech):
    return next(talk for talk in self.talks if np.array_equal(talk.speech, speech))

  def portraits(self, speech, seeds):
    return np.concatenate(
      [
        self.world.draw(int(1e4 * np.abs(speech).sum()), s, np.zeros((1, MOTION_DIM)), 256).frames
        for s in seeds
      ]
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
  """Reader of sketched pictures without a network: red value, position and colors."""

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
  """Identity reader that uses the color of skin and hair."""

  def __call__(self, images):
    colours = np.concatenate([images[:, 60, 60], images[:, 22, 64]], axis=-1) / 255.0
    centred = np.concatenate([colours - 0.5, 0.1 * np.ones((len(images), 1))], axis=-1)
    return centred / np.linalg.norm(centred, axis=-1, keepdims=True)


def _inputs(workdir, late=0):
  config = _config()
  config.talks.frames, config.codec.pairs = 60, 4
  world = _SketchedWorld()
  made = inputs.EvaluationInputs(config, world, lambda: None, str(workdir))
  made.__dict__.update(
    reader=_SketchReader(), identity_reader=_ColourReader(), generator=_Oracle(world, made.talks, late)
  )
  return made


@pytest.fixture(scope='module')
def evaluated(tmp_path_factory):
  return _inputs(tmp_path_factory.mktemp('work'))


def test_a_perfect_pipeline_is_seen_as_one(evaluated):
  figures = runner.run_parts(evaluated, ['lips', 'life', 'codec'])
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
  made = _inputs(tmp_path)
  sizes = []

  def rebuild(source, target, weights=(1.0,)):
    sizes.append(source.shape[1])
    return {'codec': target}

  monkeypatch.setattr(made.generator, 'rebuild', rebuild)
  made.config.codec.pairs = 1
  made.__dict__['portraits'] = np.zeros((1, 64, 64, 3), np.uint8)  # as after the part `voice`
  codec.measure(made)
  assert set(sizes) == {made.config.image_size}


def test_late_lips_are_seen_as_late(tmp_path):
  by_name = {figure.name: figure for figure in runner.run_parts(_inputs(tmp_path, late=3), ['lips'])}
  assert by_name['best lag of all voices together, frames'].value == 3
  assert by_name['best lag of all voices together, frames'].reached is False


def test_faces_and_identity_give_their_figures(evaluated):
  figures = runner.run_parts(evaluated, ['voice', 'identity'])
  names = [figure.name for figure in figures]
  assert any(name.startswith('sex read right') for name in names)
  assert sum('spread for one voice' in name for name in names) == 3
  assert sum('true portraits, redrawn' in name for name in names) == 3
  named = next(figure for figure in figures if figure.name.startswith('named from a late frame'))
  assert named.count == 10
  assert named.value >= 90  # chance is 10; the picture is shifted by 8 of 256 pixels
  assert report.table(figures)


def test_portraits_give_figures_with_ceiling_and_floor(evaluated):
  by_name = {figure.name: figure for figure in runner.run_parts(evaluated, ['portraits'])}
  for row in ('generated', 'truth', 'shuffled'):
    assert np.isfinite(by_name[f'cosine to the true face, {row}'].value)
    assert by_name[f'true face by portrait, R@10 among 10, %, {row}'].value == 100
  assert 0 < by_name['diversity of one voice, 1 - cosine, generated'].value < 2
  assert -1 < by_name['consistency of recordings of one speaker, cosine, generated'].value <= 1
  assert math.isnan(by_name['FID, generated'].value)  # no weights of Inception
  assert by_name['cosine to the true face, female'].count > 1


def test_reenactment_tells_who_moves_from_who_is_seen(evaluated):
  """The oracle returns the driver's frames: the motion is right, the person is wrong."""
  by_name = {figure.name: figure for figure in runner.run_parts(evaluated, ['reenactment'])}
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
  values = {
    figure.name.rpartition(', ')[2]: figure.value for figure in runner.run_parts(evaluated, ['flicker'])
  }
  assert values['codec'] == values['exact rendering'] >= 0 and set(values) > {'copy'}


def test_readers_are_kept_between_evaluations(tmp_path):
  config = _config()
  config.looks.num, config.reader.steps, config.reader.batch_size = 6, 1, 2
  config.network.widths, config.network.features = (16,), 8

  def reader():
    return inputs.EvaluationInputs(config, _SketchedWorld(), lambda: None, str(tmp_path)).reader

  first = reader()
  assert reader().error == pytest.approx(first.error, nan_ok=True)
  assert set(first.error) == set(readers.FIELDS)
  assert len(list(tmp_path.glob('reader-*'))) == 1
  config.reader.seed += 1
  reader()
  assert len(list(tmp_path.glob('reader-*'))) == 2
  assert len(list(tmp_path.glob('looks-*'))) == 1


def test_renderings_of_true_faces_are_kept_between_evaluations(tmp_path, monkeypatch):
  names = ('true_portraits', 'other_portraits', 'true_frames', 'redrawn_portraits')
  first = _inputs(tmp_path)
  drawn = [np.asarray(getattr(first, name)) for name in names]
  settings = first.config.spread
  assert drawn[3].shape[:2] == (settings.voices, settings.seeds)
  assert all(not np.array_equal(drawn[0], other) for other in drawn[1:3])
  later = _inputs(tmp_path)
  monkeypatch.delattr(sketch.SketchWorld, 'draw')
  for name, wanted in zip(names, drawn, strict=True):
    np.testing.assert_array_equal(getattr(later, name), wanted)
  later = _inputs(tmp_path)
  later.config.faces.first += 1
  with pytest.raises(AttributeError):
    getattr(later, names[0])


def test_the_parts_and_their_order():
  """`evaluate.py --help` lists all parts in the order in which they run."""
  parser = argparse.ArgumentParser()
  evaluate.add_arguments(parser)
  (text,) = (action.help for action in parser._actions if action.dest == 'only')
  (listed,) = re.findall(r'Parts: ([^.]+)\.', text)
  assert re.split(r',\s+', listed) == list(registry.all_parts())
  assert list(registry.all_parts())[:3] == ['lips', 'life', 'voice']


def test_parts_run_in_the_order_of_the_registry(monkeypatch):
  registry.all_parts()  # the parts of the library are registered before the registry is replaced
  monkeypatch.setattr(registry, '_REGISTERED', dict(registry._REGISTERED))
  figures = {name: report.Figure(name, name, 1.0) for name in ('late', 'early', 'middle')}
  for name, order in (('late', 2000), ('early', -1), ('middle', 1500)):
    registry.part(name, order=order)(lambda _, name=name: [figures[name]])
  found = runner.run_parts(None, ['middle', 'late', 'early'])
  assert [figure.part for figure in found] == ['early', 'middle', 'late']
  with pytest.raises(ValueError, match='two evaluation parts'):
    registry.part('late')(lambda _: [])


def test_an_unknown_part_is_a_users_mistake(evaluated):
  with pytest.raises(ConfigError, match='unknown part'):
    runner.run_parts(evaluated, ['lip'])


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
