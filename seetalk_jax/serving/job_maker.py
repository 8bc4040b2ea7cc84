"""Making of a job in the worker, in turns with live sessions; an unfinished video of an earlier try goes on."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from seetalk_jax.errors import InputError
from seetalk_jax.inference import clip as clip_lib
from seetalk_jax.inference import unfinished_video
from seetalk_jax.inference.clip import Clip
from seetalk_jax.inference.pipeline import SeeTalk
from seetalk_jax.media import audio, image
from seetalk_jax.serving import control_fields, messages
from seetalk_jax.serving.job_files import PORTRAIT, PORTRAIT_INPUT, SPEECH, VIDEO
from seetalk_jax.serving.turns import Turns


class Cancelled(Exception):
  """Nobody wants the job any more."""


def make(
  pipe: SeeTalk,
  job: messages.MakeJob,
  turns: Turns,
  send: Callable[[Any], None],
  stop: Callable[[], bool],
) -> None:
  """Writes the video and the portrait of a job to its folder.

  Args:
    pipe: the loaded checkpoint.
    job: the job.
    turns: live sessions go first.
    send: is called with `messages.JobProgress`.
    stop: whether the job was cancelled.

  Raises:
    Cancelled: the job was cancelled.
    InputError: its inputs or options cannot be used.
  """
  making = _Making(job, turns, send, stop)
  making.wait_for_turn()
  speech = audio.load_speech(job.folder / SPEECH)
  portrait = job.folder / PORTRAIT_INPUT
  pixels = image.load_image(portrait) if portrait.exists() else None
  inputs = pipe.inputs.from_speech(speech, portrait=pixels, **clip_options(job.options))
  output = job.folder / VIDEO
  unfinished = _unfinished(output, inputs.spec)
  clip = pipe.make_clip(inputs, unfinished=unfinished, progress=making.progress)
  clip.save_portrait(job.folder / PORTRAIT)
  making.tell('portrait')
  making.watched(clip).save(output, resume=unfinished is not None)


def clip_options(form: Mapping[str, Any]) -> dict[str, Any]:
  """The arguments of `SeeTalk.__call__` of a form, see `forms.clip_form`."""
  return {
    **{name: form[name] for name in ('seed', 'face', 'steps', 'size')},
    'guidance_scale': form['guidance'],
    **control_fields.controls_of(form),
  }


def _unfinished(output: pathlib.Path, spec) -> unfinished_video.PortraitAndMotion | None:
  """Portrait and motion of an earlier try; None if there is none, or none of this job."""
  mark = clip_lib.watermark_of({'job': spec.job_id()}, spec.frame_size)
  try:
    return unfinished_video.find(output, spec, None if mark is None else mark.name)
  except InputError:
    return None


class _Making:
  """Progress of one job."""

  def __init__(self, job: messages.MakeJob, turns: Turns, send, stop: Callable[[], bool]):
    self._job, self._turns, self._send, self._stop = job.job, turns, send, stop
    self._began = 0.0  # of a stage
    self._chunk_seconds = 0.0
    self._last: messages.JobProgress | None = None
    self._rendered: float | None = None

  def tell(self, stage: str, done: int = 0, total: int = 0) -> None:
    self._last = messages.JobProgress(self._job, stage, done, total)
    self._send(self._last)

  def wait_for_turn(self, seconds: float = 0.0) -> bool:
    """Waits until no live session needs the device for some seconds; returns whether that took time.

    Raises:
      Cancelled: the job was cancelled.
    """
    before, waits = self._last, []
    self._turns.wait(seconds, self._stop, lambda: waits.append(self.tell('paused', *_frames_of(before))))
    if self._stop():
      raise Cancelled
    if waits:
      self._last = before
      self._send(before or messages.JobProgress(self._job, 'sampling'))
    return bool(waits)

  def progress(self, stage: str, done: int, total: int) -> None:
    """A `Progress` of `make_clip` and of the frames."""
    if stage == 'render':
      self.tell('frames', done, total)
    elif not done:
      self.wait_for_turn(self._turns.seconds_of(stage))
      self.tell('sampling')
      self._began = time.monotonic()
    elif done == total:
      self._turns.took(stage, time.monotonic() - self._began)

  def watched(self, clip: Clip) -> Clip:
    """The clip, which waits for its turn before every chunk of frames."""

    def render(start: int) -> Any:
      now = time.monotonic()
      if self._rendered is not None:
        self._chunk_seconds = now - self._rendered
      # The time of waiting is not time of a chunk.
      self._rendered = time.monotonic() if self.wait_for_turn(self._chunk_seconds) else now
      return clip.render(start)

    return dataclasses.replace(clip, render=render)


def _frames_of(progress: messages.JobProgress | None) -> tuple[int, int]:
  return (0, 0) if progress is None else (progress.done, progress.total)
