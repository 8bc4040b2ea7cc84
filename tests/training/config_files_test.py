"""Configuration files: by name or by path, those of the library in one place."""

import pathlib
import tomllib

import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.training import config_files

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_a_name_and_a_path_are_the_same_file(monkeypatch):
  monkeypatch.chdir(ROOT)
  for name in config_files.names():
    assert (
      config_files.find(name) == config_files.find(f'configs/{name}.py') == ROOT / 'configs' / f'{name}.py'
    )
  assert {'all', 'demo', 'eval', 'portrait'} <= set(config_files.names())
  assert config_files.load('portrait', 'tiny') == config_files.load('configs/portrait.py', 'tiny')


def test_a_file_of_ones_own_shares_the_fields_of_the_library(tmp_path):
  own = tmp_path / 'mine.py'
  own.write_text(
    'from seetalk_jax.configs import portrait\n'
    'def get_config(variant="tiny"):\n'
    '  config = portrait.get_config(variant)\n'
    '  config.seed = 7\n'
    '  return config\n'
  )
  assert config_files.load(own).seed == 7


@pytest.mark.parametrize(
  'name, message',
  [
    ('conra', 'no such configuration, conra: give the path of a file, or one of all, .*portrait'),
    ('common', 'no such configuration, common'),
    ('configs/none.py', 'give another file or a name'),
    ('elsewhere/motion.py', 'give another file, or the name motion'),
  ],
)
def test_what_is_not_there_is_one_line(name, message):
  with pytest.raises(ConfigError, match=message):
    config_files.find(name)


def test_a_wheel_carries_the_configurations_and_they_import_each_other_there():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['setuptools']
  assert project['package-dir'] == {'seetalk_jax.configs': 'configs'}
  for path in (ROOT / 'configs').glob('*.py'):
    lines = path.read_text().splitlines()
    assert not any(line.startswith(('from configs', 'import configs')) for line in lines), path
