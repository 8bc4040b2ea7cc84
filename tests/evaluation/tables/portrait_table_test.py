"""Tables of portraits: every column is a figure of the parts, rows and baselines, what is no release."""

import json

import numpy as np
import pytest

from seetalk_jax.configs import tables
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation import runner
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.parts import portraits, voice_to_face
from seetalk_jax.evaluation.probes import readers
from seetalk_jax.evaluation.tables import portrait_table

_VOICES = 20


def figures(noise, seed=0):
  """Figures of the parts `portraits` and `voice`, of portraits with errors of this size."""
  rng = np.random.default_rng(seed)
  true = rng.standard_normal((_VOICES, 16))
  made = {'true': true, 'truth': true + 0.1, 'generated': true + noise * rng.standard_normal(true.shape)}
  attributes = np.stack([rng.random(_VOICES), rng.uniform(20, 70, _VOICES), np.zeros(_VOICES)], axis=1)
  read = np.zeros((_VOICES, len(readers.FIELDS)))
  read[:, readers.FIELDS.index('sex')] = attributes[:, 0]
  read[:, readers.FIELDS.index('age')] = attributes[:, 1]
  spread = [read[:4] + rng.standard_normal((4, read.shape[1])) for _ in range(3)]
  faces = [rng.standard_normal((3, 16)) for _ in range(3)]
  return [
    *portraits.distance_figures(made, {}),
    *portraits.diversity_figures(faces, faces),
    *portraits.consistency_figures(faces),
    *voice_to_face.fit_figures(read, read, attributes, None, {}),
    *voice_to_face.spread_figures(spread, read, spread),
  ]


def test_every_column_is_a_figure():
  rows = portrait_table.rows_of({'a': figures(0.3), 'b': figures(2.0)}, _VOICES)
  assert list(rows) == ['a', 'b', 'truth', 'shuffled']
  assert set(rows['a']) == set(portrait_table.COLUMNS)
  assert set(portrait_table.COLUMNS) - set(rows['truth']) == {'consistency'}
  assert set(portrait_table.COLUMNS) - set(rows['shuffled']) == {'frechet', 'skin'}
  assert rows['truth']['cosine'].value > rows['a']['cosine'].value > rows['shuffled']['cosine'].value


def test_a_whole_table(tmp_path, monkeypatch, capsys):
  of_place = {'demo': figures(0.3), 'worse': figures(2.0)}
  (tmp_path / 'worse' / 'release').mkdir(parents=True)
  (tmp_path / 'worse' / 'release' / 'seetalk.json').write_text('{}')
  monkeypatch.setattr(portrait_table, '_Portraits', lambda place: place)
  chosen = lambda inputs: of_place['worse' if 'worse' in inputs.generator else 'demo']
  monkeypatch.setattr(portraits, 'measure', chosen)
  monkeypatch.setattr(voice_to_face, 'measure', lambda inputs: [])
  config = tables.get_config('portraits')
  config.methods, config.faces.voices = f'worse={tmp_path}/worse', _VOICES
  assert runner.run(config, runner.Options(str(tmp_path / 'work'))) == 0
  metrics = json.loads((tmp_path / 'work' / 'metrics.json').read_text())
  assert list(metrics['rows']) == ['seetalk', 'worse', 'truth', 'shuffled']
  assert metrics['table']['best']['cosine'] == ['seetalk']
  assert capsys.readouterr().out.startswith('| method')


def test_what_is_no_release_is_one_line(tmp_path):
  config = tables.get_config('conre')
  for text, message in (
    ('', "row 'conre' is missing"),
    (f'conre={tmp_path},scratch={tmp_path}', 'no release, .*: the rows of this table are releases'),
  ):
    config.methods = text
    with pytest.raises(ConfigError, match=message):
      runner.run(config, runner.Options(str(tmp_path / 'work')))


def test_inputs_of_the_next_method_keep_what_does_not_depend_on_it(tmp_path):
  config = tables.get_config('portraits')
  inputs = EvaluationInputs(config, None, lambda: 'first', str(tmp_path))
  inputs.__dict__ |= {
    'true_portraits': 'true',
    'reader': 'reader',
    'portraits': 'made',
    'portraits_of_seeds': 'made',
  }
  assert inputs.generator == 'first'
  other = inputs.with_generator(lambda: 'second')
  assert other.generator == 'second' and inputs.generator == 'first'
  assert (other.true_portraits, other.reader) == ('true', 'reader')
  assert 'portraits' not in other.__dict__ and 'portraits_of_seeds' not in other.__dict__
  assert inputs.portraits == 'made'
