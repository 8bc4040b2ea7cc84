"""MediaPipe Face Landmarker model: a file chosen by the user, or a download with a verified checksum."""

from __future__ import annotations

import atexit
import hashlib
import os
import pathlib
import shutil
import tempfile
import urllib.request

from seetalk_jax import files
from seetalk_jax.errors import OutputError, PortraitError
from seetalk_jax.media import face

URL = 'https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task'
SHA256 = '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff'
_TIMEOUT_SECONDS = 20.0
_NAME = 'face_landmarker.task'


def find(path: str | os.PathLike | None = None) -> str:
  """Finds the model: `path`, the environment variable SEETALK_FACE_LANDMARKER, or the user's cache.

  The model is downloaded to the cache if it is missing there. Without a cache that can be written, it is
  downloaded to a temporary folder, which is removed at the end of the process.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is missing and cannot be downloaded.
  """
  if path or os.environ.get(face.LANDMARKER_VARIABLE):
    return face.landmarker_file(path)
  folder = files.cache_dir()
  if folder is None:
    return face.landmarker_file(_write_temporary(_fetch()))
  kept = folder / _NAME
  if not kept.is_file():
    data = _fetch()
    try:
      files.write_bytes(kept, data)
    except OutputError:
      kept = _write_temporary(data)
  return face.landmarker_file(kept)


def _write_temporary(data: bytes) -> pathlib.Path:
  folder = pathlib.Path(tempfile.mkdtemp(prefix='seetalk-landmarker-'))
  atexit.register(shutil.rmtree, folder, ignore_errors=True)
  files.write_bytes(folder / _NAME, data)
  return folder / _NAME


def _fetch() -> bytes:
  """Downloads the model and checks it."""
  otherwise = f'download {URL} elsewhere and give it as --landmarker FILE, or set {face.LANDMARKER_VARIABLE}'
  try:
    with urllib.request.urlopen(URL, timeout=_TIMEOUT_SECONDS) as answer:
      data = answer.read()
  except (OSError, ValueError) as error:
    reason = getattr(error, 'reason', error)
    raise PortraitError(f'cannot fetch the landmarker model ({reason}), {URL}: {otherwise}') from None
  if hashlib.sha256(data).hexdigest() != SHA256:
    raise PortraitError(f'the landmarker model that came has another checksum, {URL}: {otherwise}')
  return data
