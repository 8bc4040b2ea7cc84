"""What a long video keeps beside its output until it is finished, so that it goes on after any end.

The folder `.NAME.mp4.unfinished` holds job.json (what the video is made from), decided.npz (the portrait and the
motion track, which are sampled once) and the finished segments. job.json is written last: without it nothing in
the folder counts. It is removed when the video has got its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError
from seetalk_jax.media import image, segments, video

Plan = Mapping[str, Any]  # JSON values

_JOB, _DECIDED, _LOCK = 'job.json', 'decided.npz', 'lock'
_OURS = re.compile(r'job\.json|decided\.npz|lock|segment-\d{5}\.mp4')
_ID_LENGTH = 16  # hexadecimal digits of a checksum that tells jobs, recordings and portraits apart


class Decided(NamedTuple):
  """What is sampled before the first frame is drawn.

  Attributes:
    portrait: uint8 `[h, w, 3]`.
    motion: float32 `[num_frames, motion_dim]`.
  """

  portrait: np.ndarray
  motion: np.ndarray


def checksum(*parts: bytes | np.ndarray) -> str:
  """A short checksum of bytes and arrays, for plans."""
  digest = hashlib.sha256()
  for part in parts:
    digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
  return digest.hexdigest()[:_ID_LENGTH]


def job_id(plan: Plan) -> str:
  """One word for everything that decides the frames; kept in the finished video's metadata."""
  return checksum(json.dumps(dict(plan), sort_keys=True).encode())


def folder_of(output: str | os.PathLike) -> pathlib.Path:
  """The folder of an output's unfinished video."""
  output = pathlib.Path(output)
  return output.with_name(f'.{output.name}.unfinished')


def is_finished(output: str | os.PathLike, plan: Plan) -> bool:
  """Whether the output is there and was made to this plan.

  Raises:
    InputError: it is there and is another video.
  """
  if not pathlib.Path(output).is_file():
    return False
  try:
    comment = video.read_metadata(output).get('comment', '')
  except (OSError, ValueError):  # FFmpeg's errors are both; not a video
    comment = ''
  if f'job {job_id(plan)}' in comment:
    return True
  raise InputError(
    f'the output exists and was made from other inputs, {output}: give another name, or --overwrite'
  )


def find(output: str | os.PathLike, plan: Plan) -> Decided | None:
  """What an unfinished video of this plan has decided; None where there is none.

  Raises:
    InputError: the unfinished video belongs to another plan (the message says what differs), or is damaged.
  """
  folder = folder_of(output)
  try:
    kept = json.loads((folder / _JOB).read_text('utf-8'))
  except FileNotFoundError:
    return None
  except (OSError, ValueError):
    kept = {}
  try:
    if differs := _differences(kept['plan'], _full(plan)):
      raise InputError(
        f'the unfinished video is of other inputs ({", ".join(differs)}), {folder}: give the same ones, or leave '
        'out --resume to start anew'
      )
    with np.load(folder / _DECIDED, allow_pickle=False) as arrays:
      return Decided(arrays['portrait'], arrays['motion'])
  except (KeyError, TypeError, AttributeError, OSError, ValueError):
    raise InputError(f'damaged unfinished video, {folder}: leave out --resume to start anew') from None


class Job:
  """Holds an output's folder while its video is made; `with` removes it at the end unless segments wait in it.

  Args:
    output: the video to be.
    plan: what decides its frames.
    resume: go on from the finished segments of an unfinished video of this plan; else begin anew.

  Attributes:
    folder: where the segments go.

  Raises:
    InputError: the folder is not of this library, is in use by another process, or (with `resume`) belongs to
      another plan.
  """

  def __init__(self, output: str | os.PathLike, plan: Plan, *, resume: bool = False):
    self.folder = folder_of(output)
    self._output, self._plan, self._resume = pathlib.Path(output), plan, resume

  def __enter__(self) -> Job:
    image.check_output(self._output, '.mp4')
    check_free(self._output)
    existed = self.folder.is_dir()
    self.folder.mkdir(exist_ok=True)
    self._lock = _lock(self.folder)
    try:
      going_on = self._resume and find(self._output, self._plan) is not None
      for path in self.folder.iterdir():
        if path.name != _LOCK and (not going_on or path.name.startswith('.')):
          path.unlink()
    except BaseException:
      if not existed:
        shutil.rmtree(self.folder, ignore_errors=True)
      self._lock.close()
      raise
    return self

  def keep(self, decided: Decided) -> None:
    """Writes down what is decided; from now on the job can go on from here."""
    if (self.folder / _JOB).exists():
      return
    with files.replacing(self.folder / _DECIDED) as part:
      np.savez(part, portrait=decided.portrait, motion=decided.motion)
    files.write_text(self.folder / _JOB, json.dumps({'plan': _full(self._plan)}, indent=1) + '\n')

  def __exit__(self, kind, error, traceback) -> None:
    if kind is None or not any(self.folder.glob('segment-*.mp4')):
      shutil.rmtree(self.folder, ignore_errors=True)
    self._lock.close()


def discard(output: str | os.PathLike) -> None:
  """Removes what a finished video has left, where its process ended between the last two steps."""
  folder = folder_of(output)
  if folder.is_dir():
    check_free(output)
    shutil.rmtree(folder, ignore_errors=True)


def check_free(output: str | os.PathLike) -> None:
  """Makes sure that nobody else uses an output's folder.

  Raises:
    InputError: somebody does, or the folder holds things of others.
  """
  folder = folder_of(output)
  if not folder.exists():
    return
  strangers = sorted(
    path.name for path in folder.iterdir() if not (_OURS.fullmatch(path.name) or path.match(files.UNFINISHED))
  )
  if strangers:
    raise InputError(f'the folder for the unfinished video holds {strangers[0]}, {folder}: move it away')
  if (folder / _LOCK).exists():
    _lock(folder).close()


def _lock(folder: pathlib.Path) -> contextlib.ExitStack:
  """The held lock of an output's folder; `close` releases it, and so does a kill."""
  held = contextlib.ExitStack()
  try:
    held.enter_context(files.locked(folder / _LOCK, wait=False))
  except BlockingIOError:
    raise InputError(f'another process is making this video, {folder}: wait until it ends') from None
  return held


def _full(plan: Plan) -> dict[str, Any]:
  """The plan and what decides whether new segments fit those that are there."""
  return {**plan, 'segment frames': segments.SEGMENT_FRAMES, 'encoder': segments.encoder_id()}


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
  names = [name for name in (*here, *(set(there) - set(here))) if there.get(name) != here.get(name)]
  return [f'{name.replace("_", " ")} {there.get(name)} there, {here.get(name)} here' for name in names]
