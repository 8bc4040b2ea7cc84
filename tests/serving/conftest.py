"""Tests of the server need its packages: extra `serve`."""

import io

import pytest
import sounds

for name in ('fastapi', 'uvicorn', 'httpx', 'python_multipart', 'prometheus_client'):
  pytest.importorskip(name)


@pytest.fixture(scope='session')
def speech() -> bytes:
  """A recording of 0.6 s, wav."""
  import soundfile

  file = io.BytesIO()
  soundfile.write(file, sounds.tone(0.6), 16_000, format='WAV')
  return file.getvalue()
