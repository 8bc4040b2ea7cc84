"""Directory of a run: one process at a time, and one line where it cannot be written."""

import pathlib
import subprocess
import sys

import pytest
import toy_stage

from seetalk_jax.errors import ConfigError, OutputError
from seetalk_jax.training import loop, workdir

ROOT = pathlib.Path(__file__).resolve().parents[2]


def train(folder):
  toy_stage.register()
  return loop.train(toy_stage.get_config(num_steps=2), folder, make_batches=toy_stage.make_batches)


def test_a_second_process_is_refused_and_may_start_after_the_first(tmp_path):
  program = f"""
import pathlib
from seetalk_jax.training import workdir
with workdir.opened(pathlib.Path({str(tmp_path)!r})):
  print('opened', flush=True)
  input()
"""
  with subprocess.Popen(
    [sys.executable, '-c', program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
  ) as other:
    assert other.stdout.readline() == 'opened\n'
    with pytest.raises(ConfigError, match=f'another process trains in {tmp_path}: wait'):
      train(tmp_path)
    assert not (tmp_path / 'metrics.jsonl').exists()
    other.communicate('\n')
  assert train(tmp_path).step == 2


@pytest.mark.parametrize('where', ['file', 'file/below', '/proc/nowhere'])
def test_a_directory_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, where):
  monkeypatch.chdir(tmp_path)
  pathlib.Path('file').touch()
  with pytest.raises(OutputError, match=f'{where}: '):
    train(where)


def test_a_directory_without_permission(tmp_path, monkeypatch):
  def refuse(path, *_, **__):
    raise PermissionError(13, 'Permission denied', str(path))

  monkeypatch.setattr(pathlib.Path, 'touch', refuse)
  with pytest.raises(OutputError, match='permission denied'), workdir.opened(tmp_path):
    pass
