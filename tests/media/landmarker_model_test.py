"""Landmarker model: downloaded once to the cache, or to a temporary folder without one."""

import hashlib
import io
import pathlib
from unittest import mock

import pytest

from seetalk_jax import files
from seetalk_jax.media import face, landmarker_model


@pytest.fixture
def download(monkeypatch):
  """A fake download of four bytes; counts its calls."""
  opened = mock.Mock(side_effect=lambda *args, **kwargs: io.BytesIO(b'task'))
  monkeypatch.setattr(landmarker_model.urllib.request, 'urlopen', opened)
  monkeypatch.setattr(landmarker_model, 'SHA256', hashlib.sha256(b'task').hexdigest())
  monkeypatch.setattr(face, 'landmarker_file', lambda path: str(path))
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
  return opened


def test_the_model_is_kept_in_the_cache(download, monkeypatch, tmp_path):
  monkeypatch.setattr(files, 'cache_dir', lambda: tmp_path)
  for _ in range(2):
    assert landmarker_model.find() == str(tmp_path / 'face_landmarker.task')
  assert download.call_count == 1 and (tmp_path / 'face_landmarker.task').read_bytes() == b'task'


@pytest.mark.parametrize('cache', [None, '/proc/cache'])
def test_without_a_cache_it_is_a_temporary_file(download, monkeypatch, tmp_path, cache):
  monkeypatch.setattr(files, 'cache_dir', lambda: cache and pathlib.Path(cache))
  monkeypatch.setattr(landmarker_model.tempfile, 'tempdir', str(tmp_path))
  found = pathlib.Path(landmarker_model.find())
  assert found.read_bytes() == b'task' and tmp_path in found.parents
