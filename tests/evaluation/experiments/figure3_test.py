"""Figure 3 experiment on a sketched world with tiny networks: a full run to the table, a continued run."""

import json
import pathlib
import types

import numpy as np
import pytest
from PIL import Image

from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.experiments import figure3, prior_modes
from seetalk_jax.evaluation.measures import frechet
from seetalk_jax.evaluation.probes import worlds
from seetalk_jax.synthetic import corpus, sketch
from seetalk_jax.testing import tiny_release
from seetalk_jax.training import config_files

_ROOT = pathlib.Path(__file__).resolve().parents[3]


class _World(worlds.MeasuredWorld):
  def __init__(self):
    super().__init__(sketch.SketchWorld(), skin_parts=(1,), hair_parts=(2,), outside_parts=(0,))


def config_for(folder):
  config = config_files.load(_ROOT / 'configs' / 'figure3.py', 'tiny').unlock()
  config.modes, config.seeds, config.steps = ('ldm', 'scfp'), (0,), (2,)
  release = tiny_release.make(folder / 'release', ('speech_encoder', 'autoencoder', 'face_encoder'))
  for name in ('speech_encoder', 'autoencoder', 'face_encoder'):
    config.init[name] = str(release)
  config.portrait.data_root = str(folder / 'data')
  config.voices.num = 8
  return config


slow = pytest.mark.proof  # trains and samples with six networks: five minutes


@pytest.fixture(scope='module')
def ran(tmp_path_factory):
  folder = tmp_path_factory.mktemp('figure3')
  for split in ('train', 'validation'):
    corpus.render_corpus(
      folder / 'data' / 'corpus' / 'faces',
      'faces',
      split,
      8,
      size=128,
      shard_size=4,
      processes=0,
      progress=False,
      world=sketch.SketchWorld,
    )
  experiment = figure3.Figure3(config_for(folder), folder / 'runs', _World())
  return folder, experiment, experiment.run()


@slow
def test_table_figures_and_sheet(ran):
  folder, experiment, text = ran
  assert [line.split('|')[1].strip() for line in text.splitlines()[2:5]] == ['ldm', 'scfp', 'true, redrawn']
  assert text.count('SAW, seed') == 1
  assert text.count('linear functions of the voice vector reach r') == 1
  content = json.loads((folder / 'runs' / 'figures.json').read_text())
  assert -1 <= content['reachable_r'] <= 1 and content['beta'][0]['wanted_mean'] != 0
  assert [(row['prior'], row['steps'], len(row['seeds'])) for row in content['rows']] == [
    ('ldm', 2, 1),
    ('scfp', 2, 1),
    ('true, redrawn', 0, 1),
  ]
  values = np.array([list(seed.values()) for row in content['rows'] for seed in row['seeds']])
  assert values.shape == (3, len(prior_modes.MEASURES)) and np.isfinite(values[:, 3:]).all()
  with Image.open(folder / 'runs' / 'sheet.png') as sheet:
    assert (
      sheet.width > 2 * 128 and sheet.height > 9 * 128
    )  # two draws; per voice a row of true faces and one per mode
  assert (folder / 'runs' / 'table.md').read_text() == text + '\n'


@slow
def test_modes_differ_and_share_their_noise(ran):
  _, experiment, _ = ran
  (one, beta_one), (other, beta_other) = (experiment._portraits(mode, 0, 2) for mode in ('ldm', 'scfp'))
  assert one.shape == other.shape == (2, 8, 128, 128, 3) and np.any(one != other)
  assert np.all(beta_one == 0) and np.all(beta_other > 0.5)
  assert len({image.tobytes() for image in one.reshape(16, -1)}) == 16  # noise per voice and draw


@slow
def test_what_is_there_is_not_made_again(ran, monkeypatch):
  folder, experiment, text = ran
  monkeypatch.setattr(figure3.loop, 'train', lambda *_: pytest.fail('trained again'))
  monkeypatch.setattr(figure3.sampling, 'sample_portraits', lambda *_, **__: pytest.fail('drawn again'))
  again = figure3.Figure3(experiment.config, folder / 'runs', _World())
  assert again.run() == text


@slow
def test_mistakes_are_one_line(ran, tmp_path):
  folder, experiment, _ = ran
  with pytest.raises(ConfigError, match='unknown part'):
    experiment.run(('draw',))
  with pytest.raises(ConfigError, match='not trained yet'):
    figure3.Figure3(experiment.config, tmp_path, _World()).run(('measure',))
  config = experiment.config.copy_and_resolve_references()
  config.init.face_encoder = ''
  with pytest.raises(ConfigError, match='face encoder'):
    figure3.Figure3(config, tmp_path, _World()).run()


class _Measured(figure3.Figure3):
  """The experiment with numbers in the place of pictures: a portrait is 9 readings and a vector of 16."""

  runs = ()

  def _read(self, images):
    return prior_modes.Portraits(images[..., :9], images[..., 9:])

  def _vectors(self, images):
    return images[:, 0, 0, :1] * np.ones(16)

  def _draw_sheet(self, num_voices=3, num_draws=3):
    pass


def test_true_portraits_are_compared_with_others_of_the_same_speakers(tmp_path):
  rng = np.random.default_rng(0)
  config = config_files.load(_ROOT / 'configs' / 'figure3.py', 'tiny').unlock()
  config.modes, config.voices.draws = (), 2
  redrawn = rng.standard_normal((4, 40, 9 + 16))
  attributes = np.stack([rng.random(40) > 0.5, rng.uniform(20, 80, 40), rng.standard_normal(40)], axis=1)
  experiment = _Measured(config, tmp_path, None)
  portraits = np.zeros((40, 128, 128, 3), np.uint8)
  experiment.__dict__ |= {
    'voices': figure3.Voices(None, None, None, attributes, portraits, redrawn),
    '_reader': types.SimpleNamespace(agreement={}),
  }
  experiment._measure()
  (row,) = json.loads((tmp_path / 'figures.json').read_text())['rows']
  assert row['prior'] == 'true, redrawn'
  vectors = [half[..., 9:].reshape(80, 16) for half in (redrawn[:2], redrawn[2:])]
  wanted = frechet.frechet_distance(*vectors)
  assert wanted > 0.1  # two samples of 80 vectors; one sample has the distance 0 to itself
  assert row['seeds'][0]['Frechet distance, face encoder'] == pytest.approx(wanted)
