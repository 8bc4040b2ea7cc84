"""Unfinished videos: a folder with the finished part of a long video, from which a later run resumes.

The folder `.NAME.mp4.unfinished` (a long name is shortened) holds job.json (the `ClipSpec`), decided.npz (portrait
and motion, which are sampled only once) and the finished segments. job.json is written after decided.npz; without it
the folder is ignored. The folder is removed when the video is finished.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError
from seetalk_jax.inference.clip_spec import ClipSpec
from seetalk_jax.media import image, segments, video

_JOB, _DECIDED, _LOCK = 'job.json', 'decided.npz', 'lock'
# Name of the watermark that a video should have; None: it should have none; `...`: either.
Expected = str | None | types.EllipsisType
_OWN_FILES = re.compile(r'job\.json|decided\.npz|lock|segment-\d{5}\.mp4')


class PortraitAndMotion(NamedTuple):
  """Portrait and motion of a clip, which are determined before the first frame is rendered.

  Attributes:
    portrait: uint8 `[h, w, 3]`.
    motion: motion latents, float32 `[num_frames, motion_dim]`.
  """

  portrait: np.ndarray
  motion: np.ndarray


def folder_of(output: str | os.PathLike) -> pathlib.Path:
  """Folder of the unfinished video of an output."""
  return files.hidden(output, '.unfinished')


def is_finished(output: str | os.PathLike, spec: ClipSpec, watermark: Expected = ...) -> bool:
  """Whether the output exists and has this specification, according to its metadata.

  Args:
    output: the video file.
    spec: everything that determines its frames before they are marked.
    watermark: see `Expected`.

  Raises:
    InputError: the output exists and is another video, or is not marked as expected.
  """
  if not pathlib.Path(output).is_file():
    return False
  try:
    comment = video.read_metadata(output).get('comment', '')
  except (OSError, ValueError):  # FFmpeg raises both; not a video
    comment = ''
  if f'job {spec.job_id()}' not in comment:
    raise InputError(
      f'the output exists and was made from other inputs, {output}: give another name, or --overwrite'
    )
  if watermark is not ... and (watermark is not None) != ('; watermark ' in comment):
    has = 'a watermark' if watermark is None else 'no watermark'
    raise InputError(f'the output exists and has {has}, {output}: give another name, or --overwrite')
  return True


def find(output: str | os.PathLike, spec: ClipSpec, watermark: Expected = ...) -> PortraitAndMotion | None:
  """Reads portrait and motion of an unfinished video; None if there is no unfinished video.

  Args:
    output: the video file.
    spec: everything that determines its frames before they are marked.
    watermark: see `Expected`.

  Raises:
    InputError: the unfinished video has another specification (the message names the differences), or is damaged.
  """
  folder = folder_of(output)
  try:
    kept = json.loads((folder / _JOB).read_text('utf-8'))
  except FileNotFoundError:
    return None
  except (OSError, ValueError):
    kept = {}
  try:
    here = _full(spec, kept['plan'].get('watermark') if watermark is ... else watermark)
    if differs := _differences(kept['plan'], here):
      raise InputError(
        f'the unfinished video is of other inputs ({", ".join(differs)}), {folder}: give the same ones, or leave '
        'out --resume to start anew'
      )
    with np.load(folder / _DECIDED, allow_pickle=False) as arrays:
      return PortraitAndMotion(arrays['portrait'], arrays['motion'])
  except (KeyError, TypeError, AttributeError, OSError, ValueError):
    raise InputError(f'damaged unfinished video, {folder}: leave out --resume to start anew') from None


class UnfinishedVideo:
  """Context manager that locks the folder of an output while its video is written.

  The end of `with` removes the folder; after an error, a folder with finished segments is kept.

  Args:
    output: the video file.
    spec: everything that determines its frames.
    resume: continue from the finished segments of an unfinished video of this specification; else start anew.
    watermark: name of the watermark of the segments; None: they have none. Marked and unmarked ones are not mixed.

  Attributes:
    folder: folder of the segments.

  Raises:
    InputError: the folder has other files, is in use by another process, or (with `resume`) has another
      specification.
  """

  def __init__(
    self, output: str | os.PathLike, spec: ClipSpec, *, resume: bool = False, watermark: str | None = None
  ):
    self.folder = folder_of(output)
    self._output, self._spec, self._resume = pathlib.Path(output), spec, resume
    self._watermark = watermark

  def __enter__(self) -> UnfinishedVideo:
    image.check_output(self._output, '.mp4')
    check_free(self._output)
    existed = self.folder.is_dir()
    files.make_folder(self.folder)
    try:
      self._lock = _lock(self.folder)
    except OSError:
      if not existed:
        shutil.rmtree(self.folder, ignore_errors=True)
      raise
    try:
      resumed = self._resume and find(self._output, self._spec, self._watermark) is not None
      for path in self.folder.iterdir():
        if path.name != _LOCK and (not resumed or path.name.startswith('.')):
          path.unlink()
    except BaseException:
      if not existed:
        shutil.rmtree(self.folder, ignore_errors=True)
      self._lock.close()
      raise
    files.remove_at_exit(self.folder, self._remove_without_segments)
    return self

  def keep(self, made: PortraitAndMotion) -> None:
    """Writes the portrait, the motion and the specification; the video can then be resumed."""
    if (self.folder / _JOB).exists():
      return
    with files.replacing(self.folder / _DECIDED) as part:
      np.savez(part, portrait=made.portrait, motion=made.motion)
    files.write_text(
      self.folder / _JOB, json.dumps({'plan': _full(self._spec, self._watermark)}, indent=1) + '\n'
    )

  def __exit__(self, kind, error, traceback) -> None:
    if kind is None:
      shutil.rmtree(self.folder, ignore_errors=True)
    else:
      self._remove_without_segments()
    files.keep_at_exit(self.folder)
    self._lock.close()

  def _remove_without_segments(self) -> None:
    if not any(self.folder.glob('segment-*.mp4')):
      shutil.rmtree(self.folder, ignore_errors=True)


def discard(output: str | os.PathLike) -> None:
  """Removes the folder of a finished video, if a process was killed after finishing the video."""
  folder = folder_of(output)
  if folder.is_dir():
    check_free(output)
    shutil.rmtree(folder, ignore_errors=True)


def check_free(output: str | os.PathLike) -> None:
  """Checks that an output's folder is free to use.

  Raises:
    InputError: another process uses it, or it has other files.
  """
  folder = folder_of(output)
  if not folder.exists():
    return
  foreign = sorted(
    path.name
    for path in folder.iterdir()
    if not (_OWN_FILES.fullmatch(path.name) or path.match(files.UNFINISHED))
  )
  if foreign:
    raise InputError(f'the folder for the unfinished video holds {foreign[0]}, {folder}: move it away')
  if (folder / _LOCK).exists():
    _lock(folder).close()


def _lock(folder: pathlib.Path) -> contextlib.ExitStack:
  """Acquires the lock of an output's folder; `close` or the end of the process releases it."""
  held = contextlib.ExitStack()
  try:
    held.enter_context(files.locked(folder / _LOCK, wait=False))
  except BlockingIOError:
    raise InputError(f'another process is making this video, {folder}: wait until it ends') from None
  return held


def _full(spec: ClipSpec, watermark: str | None) -> dict[str, Any]:
  """The specification, and the settings that must be equal for new segments to match existing ones.

  Without a watermark there is no entry for it, as in unfinished videos of versions that knew none.
  """
  marks = {} if watermark is None else {'watermark': watermark}
  settings = {'segment frames': segments.SEGMENT_FRAMES, 'encoder': segments.encoder_id()}
  return {**spec.to_json(), **settings, **marks}


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
  names = [name for name in (*here, *(set(there) - set(here))) if there.get(name) != here.get(name)]
  return [f'{name.replace("_", " ")} {there.get(name)} there, {here.get(name)} here' for name in names]
