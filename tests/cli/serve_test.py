"""The command `seetalk serve`: what it refuses before it starts."""

import importlib.util
import socket

import pytest

from seetalk_jax.cli import main


@pytest.fixture
def needs_serve():
  for name in ('fastapi', 'uvicorn', 'python_multipart', 'prometheus_client'):
    pytest.importorskip(name)


def test_without_its_extra_it_names_it(monkeypatch, capsys):
  find = importlib.util.find_spec
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'uvicorn' else find(name))
  monkeypatch.setattr('seetalk_jax.cli.serve._PACKAGES', ('json', 'uvicorn'))
  assert main.main(['serve']) == 2
  assert (
    capsys.readouterr().err
    == 'error: no server, uvicorn is not installed: pip install "seetalk-jax[serve]"\n'
  )


def test_a_taken_port_is_refused_in_one_line(needs_serve, capsys, tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    assert main.main(['serve', '--port', str(port), '--folder', str(tmp_path)]) == 2
  line = capsys.readouterr().err
  assert (
    line
    == f'error: cannot listen (Address already in use), 127.0.0.1:{port}: give another --host or --port\n'
  )


def test_a_folder_that_is_a_file_is_refused(needs_serve, capsys, tmp_path):
  (tmp_path / 'file').touch()
  assert main.main(['serve', '--folder', str(tmp_path / 'file')]) == 2
  assert 'is a file' in capsys.readouterr().err


@pytest.mark.parametrize(
  'option', [['--port', '0'], ['--keep', 'long'], ['--sessions', '-1'], ['--queue', '0']]
)
def test_wrong_limits_are_refused(option, capsys):
  assert main.main(['serve', *option]) == 2
  assert option[0] in capsys.readouterr().err
