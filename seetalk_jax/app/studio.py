"""What the web demo does, without its page: checks inputs, samples portraits, and makes videos with their files."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax.constants import EMOTIONS, FPS
from seetalk_jax.errors import InputError
from seetalk_jax.inference.clip import Clip
from seetalk_jax.inference.pipeline import SeeTalk
from seetalk_jax.media import audio, motion_files
from seetalk_jax.media.audio import Speech

NUM_PORTRAITS = 4
SIZES = (256, 512, 768, 1024)  # sides of videos in pixels
_PREVIEW_EVERY_S = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoSettings:
  """Settings of a video.

  Attributes:
    seed: of portrait and motion.
    emotion, intensity: one of `constants.EMOTIONS` and 0 to 1; intensity 0 leaves the emotion to the sampler.
    motion_file: CSV or JSON of `seetalk blendshapes` that gives the controls `from_file`; None: none.
    from_file: names of `constants.CONTROL_TRACKS`.
    style: a video of a person whose style of motion is imitated; None: none.
    size: side of the video in pixels; None: that of the checkpoint.
    steps: sampling steps; None: the checkpoint's.
    guidance: guidance scale of the samplers; None: the checkpoint's.
  """

  seed: int = 0
  emotion: str = EMOTIONS[0]
  intensity: float = 0.0
  motion_file: str | None = None
  from_file: tuple[str, ...] = ()
  style: str | None = None
  size: int | None = None
  steps: int | None = None
  guidance: float | None = None


class Progress(NamedTuple):
  """A step towards a video.

  Attributes:
    frame: the last frame that was drawn, uint8 `[h, w, 3]`, or None before the first.
    done, total: frames.
  """

  frame: np.ndarray | None
  done: int
  total: int


class Files(NamedTuple):
  """The files of a finished video."""

  video: pathlib.Path
  portrait: pathlib.Path
  blendshapes: pathlib.Path | None
  settings: pathlib.Path


class Studio:
  """Portraits and videos for the page.

  Args:
    pipe: the loaded checkpoint.
    max_seconds: longest speech that is accepted.
  """

  def __init__(self, pipe: SeeTalk, max_seconds: float = 60.0):
    self.pipe, self.max_seconds = pipe, max_seconds

  @property
  def has_motion_vectors(self) -> bool:
    """Whether the codec of the checkpoint reads blendshapes."""
    return self.pipe.speech_to_blendshapes.has_motion_vectors

  @property
  def available_controls(self) -> tuple[str, ...]:
    """Motion controls that the checkpoint was trained with."""
    return tuple(self.pipe.networks.modules['motion_transformer'].controls)

  def recording(self, path: str | None) -> Speech:
    """Reads a recording.

    Raises:
      InputError: no recording, one that cannot be read, or one that is too long.
    """
    if not path:
      raise InputError('no speech: record something, upload a file, or type a text')
    return self._checked(audio.load_speech(path))

  def spoken(self, text: str, voice: str, rate: int) -> Speech:
    """Speaks a text; see `synthetic.text_to_speech.say`.

    Raises:
      InputError: the text is empty or too long, or the extra `synthetic` is not installed.
    """
    from seetalk_jax.synthetic import text_to_speech

    most = int(self.max_seconds * 25)  # characters; speech has about 15 a second
    if len(text) > most:
      raise InputError(f'the text has {len(text):,} characters: at most {most:,} are accepted here')
    return self._checked(audio.speech_from_array(text_to_speech.say(text, voice, int(rate)), source='text'))

  def _checked(self, speech: Speech) -> Speech:
    if speech.seconds > self.max_seconds:
      raise InputError(
        f'the speech has {speech.seconds:.0f} s: at most {self.max_seconds:.0f} s are accepted here; '
        'seetalk generate takes any length'
      )
    return speech

  def portraits(self, speech: Speech, seed: int) -> np.ndarray:
    """Portraits that fit the voice, uint8 `[NUM_PORTRAITS, h, w, 3]`."""
    return self.pipe.portrait(speech, NUM_PORTRAITS, seed)

  def photo(self, path: str, aligned: bool) -> np.ndarray:
    """The portrait crop of an uploaded picture, uint8 `[h, w, 3]`.

    Args:
      path: the picture.
      aligned: whether it is a portrait crop already.

    Raises:
      InputError: no picture, none or several faces in it, or no face finder installed.
    """
    return self.pipe.read_portrait(path, aligned=aligned)

  def controls(self, settings: VideoSettings, num_frames: int) -> dict[str, Any]:
    """The controls of `SeeTalk.__call__` for speech of `num_frames` frames.

    Raises:
      InputError: a motion file that cannot be read, or a control that the checkpoint was not trained with.
    """
    found: dict[str, Any] = {}
    if settings.intensity > 0:
      found['emotion'] = (settings.emotion, float(settings.intensity))
    if settings.from_file:
      if settings.motion_file is None:
        raise InputError('no motion file: upload one, or choose nothing that comes from it')
      motion = motion_files.read(settings.motion_file)
      rows = np.minimum(np.arange(num_frames), len(motion) - 1)  # a short file ends with its last row
      found |= {name: motion_files.control_track(motion[rows], name) for name in settings.from_file}
    if settings.style is not None:
      found['style'] = settings.style
    return found

  def draw(
    self, speech: Speech, portrait: np.ndarray, settings: VideoSettings, folder: pathlib.Path
  ) -> Iterator[Progress | Files]:
    """Makes a video of a portrait; yields `Progress` while it is drawn, and its `Files` at the end.

    Args:
      speech: what is said.
      portrait: uint8 `[h, w, 3]`.
      settings: see `VideoSettings`.
      folder: where the files are written.

    Raises:
      InputError: a setting out of range, or a control that the checkpoint does not have.
    """
    clip = self.pipe(
      speech,
      portrait=portrait,
      seed=settings.seed,
      size=settings.size,
      steps=settings.steps,
      guidance_scale=settings.guidance,
      controls=self.controls(settings, speech.num_frames),
    )
    yield from _Drawing(clip, lambda drawn: self._files(drawn, settings, folder))

  def _files(self, clip: Clip, settings: VideoSettings, folder: pathlib.Path) -> Files:
    """Draws the video, and writes it and the files beside it."""
    portrait, chosen = folder / 'portrait.png', folder / 'settings.json'
    video = clip.save(folder / 'talk.mp4')
    clip.save_portrait(portrait)
    blendshapes = None
    if self.has_motion_vectors:
      blendshapes = self.pipe.blendshapes_of(clip.motion).save(folder / 'blendshapes.csv')
    record: Mapping[str, Any] = {**clip.record, 'frames': clip.num_frames, 'fps': FPS}
    used = {
      name: pathlib.Path(value).name if name in ('motion_file', 'style') and value else value
      for name, value in dataclasses.asdict(settings).items()
    }
    chosen.write_text(json.dumps({'settings': used, 'made': dict(record)}, indent=2) + '\n')
    return Files(video, portrait, blendshapes, chosen)


class _Stopped(Exception):
  """Nobody waits for the video any more."""


class _Drawing:
  """Draws a clip in a thread; an iterator of `Progress`, and of what `finish` returns at the end.

  Args:
    clip: the clip.
    finish: draws and writes the clip that it is given, and returns its files.
  """

  def __init__(self, clip: Clip, finish: Callable[[Clip], Files]):
    self._messages: queue.SimpleQueue[int | Files | BaseException] = queue.SimpleQueue()
    self._stopped, self._chunk = threading.Event(), None
    self._render, self._total = clip.render, clip.num_frames
    self._clip = dataclasses.replace(clip, render=self._watched, progress=self._advance)
    self._finish = finish

  def __iter__(self) -> Iterator[Progress | Files]:
    thread = threading.Thread(target=self._run, daemon=True)
    thread.start()
    shown = -math.inf
    try:
      while True:
        message = self._messages.get()
        if isinstance(message, BaseException):
          raise message
        if not isinstance(message, int):
          yield message
          return
        if time.monotonic() - shown >= _PREVIEW_EVERY_S:
          shown = time.monotonic()
          yield Progress(None if self._chunk is None else np.asarray(self._chunk)[0], message, self._total)
    finally:
      self._stopped.set()
      thread.join()

  def _run(self) -> None:
    try:
      self._messages.put(self._finish(self._clip))
    except BaseException as error:
      self._messages.put(error)

  def _watched(self, start: int) -> Any:
    if self._stopped.is_set():
      raise _Stopped
    self._chunk = self._render(start)
    return self._chunk

  def _advance(self, stage: str, done: int, total: int) -> None:
    del stage, total
    self._messages.put(done)
