"""Configurations of `seetalk train` and `seetalk evaluate`: names, files and fields on the command line."""

import pathlib

import pytest

from seetalk_jax.cli import config_fields, main
from seetalk_jax.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read(*words):
  args = main.make_parser().parse_args(words)
  return config_fields.read(args.config, args.fields)


def test_fields_may_stand_anywhere_with_and_without_an_equals_sign():
  common = ['--config.num_steps', '-1', '--workdir', 'x', '--config.data.weights=(1, 2)']
  config = read('train', '--config.seed=3', '--config', 'conre:tiny', *common)
  assert (config.stage, config.variant if 'variant' in config else 'tiny') == ('conre', 'tiny')
  assert (config.seed, config.num_steps, config.data.weights) == (3, -1, (1, 2))
  assert config.is_locked
  assert read('train', '--config', f'{ROOT}/configs/conre.py:tiny', '--workdir', 'x').seed != 3
  assert read('evaluate').checkpoint == 'demo'
  assert read('evaluate', '--config', 'eval', '--config.pred=a').pred == 'a'


@pytest.mark.parametrize(
  'words, message',
  [
    (['--config.sed=1'], "no field 'sed'"),
    (['--config.seed=one'], 'one'),
    (['--sed=1'], 'sed'),
    (['stray'], "unexpected argument 'stray'"),
  ],
)
def test_mistakes_are_one_line(words, message):
  with pytest.raises(InputError, match=message) as error:
    read('train', '--config', 'conre:tiny', '--workdir', 'x', *words)
  assert '\n' not in str(error.value)


def test_other_commands_take_no_fields():
  with pytest.raises(InputError, match='unrecognized arguments: --config.seed=1'):
    main.make_parser().parse_args(['info', 'demo', '--config.seed=1'])


def test_training_with_a_configuration_of_evaluate_is_one_line(capsys):
  assert main.main(['train', '--config', 'demo', '--workdir', 'x']) == 2
  assert 'trains nothing, demo: use seetalk evaluate' in capsys.readouterr().err
