"""MediaPipe Face Landmarker model: a file chosen by the user, or a download with a verified checksum."""

from __future__ import annotations

import hashlib
import os
import pathlib
import urllib.request

from seetalk_jax import files
from seetalk_jax.errors import PortraitError
from seetalk_jax.media import face

URL = 'https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task'
SHA256 = '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff'
_TIMEOUT_SECONDS = 20.0


def find(path: str | os.PathLike | None = None) -> str:
  """Finds the model: `path`, the environment variable SEETALK_FACE_LANDMARKER, or the user's cache.

  The model is downloaded to the cache if it is missing there.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is missing and cannot be downloaded.
  """
  if path or os.environ.get(face.LANDMARKER_VARIABLE):
    return face.landmarker_file(path)
  kept = files.cache_dir() / 'face_landmarker.task'
  if not kept.is_file():
    _fetch(kept)
  return face.landmarker_file(kept)


def _fetch(target: pathlib.Path) -> None:
  otherwise = f'download {URL} elsewhere and give it as --landmarker FILE, or set {face.LANDMARKER_VARIABLE}'
  try:
    with urllib.request.urlopen(URL, timeout=_TIMEOUT_SECONDS) as answer:
      data = answer.read()
  except (OSError, ValueError) as error:
    reason = getattr(error, 'reason', error)
    raise PortraitError(f'cannot fetch the landmarker model ({reason}), {target}: {otherwise}') from None
  if hashlib.sha256(data).hexdigest() != SHA256:
    raise PortraitError(f'the landmarker model that came has another checksum, {URL}: {otherwise}')
  files.write_bytes(target, data)
