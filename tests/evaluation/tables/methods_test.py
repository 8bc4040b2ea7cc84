"""Methods of a table: texts of the command line, releases and folders, one clear line for what is wrong."""

import ml_collections
import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.tables import methods
from seetalk_jax.evaluation.videos.generation import Settings


def config_of(text='', variants=None, checkpoint='', names=()):
  ordered = ml_collections.ConfigDict(variants or {}, sort_keys=False)
  settings = {'methods': text, 'variants': ordered, 'checkpoint': checkpoint, 'names': names}
  return ml_collections.ConfigDict(settings)


def test_texts_are_names_and_places():
  assert methods.parse(' a=x/y , b = z=1,') == {'a': 'x/y', 'b': 'z=1'}
  assert methods.parse('') == {}


def test_variants_come_first_in_their_order(tmp_path):
  variants = {'b': {'steps': 5}, 'a': {'without': ['lip_refiner']}}
  found = methods.methods_of(config_of(f'c={tmp_path}', variants, 'demo'))
  assert [method.name for method in found] == ['b', 'a', 'c']
  assert found[0].settings == Settings(steps=5) and found[1].settings == Settings(without=('lip_refiner',))
  assert [method.is_release for method in found] == [True, True, False]
  assert 'settings' in found[0].described() and 'settings' not in found[2].described()


def test_a_run_stands_for_its_release(tmp_path):
  (tmp_path / 'run' / 'release').mkdir(parents=True)
  (tmp_path / 'run' / 'release' / 'seetalk.json').write_text('{}')
  (method,) = methods.methods_of(config_of(f'a={tmp_path}/run'))
  assert method.place == f'{tmp_path}/run/release' and method.is_release


def test_options_are_those_that_differ():
  assert Settings().options() == {}
  assert Settings(steps=3, fusion=0.0, guidance=2.0).options() == {
    'steps': 3,
    'fusion': 0.0,
    'guidance_scale': 2.0,
  }


@pytest.mark.parametrize(
  'settings, message',
  [
    (dict(), 'a table without rows: set --config.methods="NAME=DIR"'),
    (dict(text='a'), "not a row, 'a': write"),
    (dict(text='=x'), "not a row, '=x'"),
    (dict(text='a=x,a=y'), "two rows are named 'a'"),
    (dict(text='real=x'), "two rows are named 'real'"),
    (dict(text='a=x', checkpoint='demo', variants={'a': {}}), "two rows are named 'a'"),
    (
      dict(text='before=x', names=('before', 'after')),
      "row 'after' is missing: set --config.methods=\"before=DIR,after",
    ),
    (
      dict(checkpoint='demo', variants={'a': {'step': 1}}),
      'config.variants.a has an unknown setting .*use steps',
    ),
  ],
)
def test_wrong_rows_are_one_line(settings, message):
  with pytest.raises(ConfigError, match=message):
    methods.methods_of(config_of(**settings), ('real',))
