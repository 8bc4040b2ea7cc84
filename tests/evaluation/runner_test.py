"""Evaluation runner: outputs are checked before anything is measured."""

import os

import ml_collections
import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation import runner


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
