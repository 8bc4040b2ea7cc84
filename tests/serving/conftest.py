"""Tests of the server need its packages: extra `serve`."""

import importlib.util
import io

import pytest
import sounds

_PACKAGES = ('fastapi', 'uvicorn', 'httpx', 'python_multipart', 'prometheus_client')
if any(importlib.util.find_spec(name) is None for name in _PACKAGES):
  collect_ignore_glob = ['*_test.py']


@pytest.fixture(scope='session')
def speech() -> bytes:
  """A recording of 0.6 s, wav."""
  import soundfile

  file = io.BytesIO()
  soundfile.write(file, sounds.tone(0.6), 16_000, format='WAV')
  return file.getvalue()
