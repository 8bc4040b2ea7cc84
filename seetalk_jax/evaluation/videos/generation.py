"""Generated counterparts of real videos: the first frame of each, moved by its sound or by that of another."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax import files
from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.videos.sources import Video, VideoFile
from seetalk_jax.inference import pipeline
from seetalk_jax.inference.clip import Clip
from seetalk_jax.media import face

# Finds the portrait crop of a picture uint8 `[h, w, 3]`; the name is for errors.
FindFace = Callable[[np.ndarray, str], face.FaceBox]


@dataclasses.dataclass(frozen=True)
class Settings:
  """How a release makes videos, where that differs from its defaults.

  Attributes:
    steps: sampling steps of the motion; 0: those of the release.
    guidance: guidance scale of the motion; 0: that of the release.
    fusion: weight of the warped portrait in the HR decoder, 0 to 1; at 0 it relies on the codebook alone.
    without: networks that are left out: `lip_refiner`, or `hr_decoder`, without which the codec's own decoder draws
      the frames, from no codes.
  """

  steps: int = 0
  guidance: float = 0.0
  fusion: float = 1.0
  without: tuple[str, ...] = ()

  def options(self) -> dict[str, float]:
    """The options of the call of the pipeline that differ from its defaults."""
    options: dict[str, float] = {} if self.fusion == 1.0 else {'fusion': self.fusion}
    options |= {'steps': self.steps} if self.steps else {}
    return options | ({'guidance_scale': self.guidance} if self.guidance else {})

  def described(self) -> dict[str, object]:
    """The settings as plain values."""
    return {**dataclasses.asdict(self), 'without': list(self.without)}


def generate(
  real: Sequence[Video],
  pipe: pipeline.SeeTalk,
  find_face: FindFace,
  folder: str | os.PathLike,
  seed: int,
  max_frames: int | None = None,
  options: Mapping[str, float] = types.MappingProxyType({}),
) -> list[VideoFile]:
  """Writes FOLDER/NAME.mp4 for every real video: its first frame speaks its sound, as long as it is measured.

  The head goes back into the whole first frame, so that generated and real frames have one framing. There is no
  watermark: it is no work of the networks, and other methods have none. Videos that exist already are kept.

  Args:
    real: the real videos, which may have the sound of another one.
    pipe: the pipeline under test.
    find_face: finds the face of the first frame.
    folder: for the generated videos.
    seed: of the first video; each following one has the next.
    max_frames: length of the longest video; None: any.
    options: of every call of the pipeline.

  Returns:
    The generated videos. A real one without sound or without a face in its first frame has none, which a line says.
  """
  files.make_folder(pathlib.Path(folder))
  made = []
  for i, video in enumerate(tqdm(real, desc='generate', file=sys.stderr)):
    path = pathlib.Path(folder) / f'{video.name}.mp4'
    if not path.exists():
      try:
        clip = _animate(video, pipe, find_face, max_frames, {'seed': seed + i, **options})
      except InputError as error:
        print(f'{video} is left out: {error}', file=sys.stderr)
        continue
      clip.save(path, watermark=False)
    made.append(VideoFile(path, max_frames))
  return made


def _animate(
  video: Video,
  pipe: pipeline.SeeTalk,
  find_face: FindFace,
  max_frames: int | None,
  options: Mapping[str, float],
) -> Clip:
  waveform = video.waveform()
  if waveform is None:
    raise InputError(f'no sound, {video}: give videos with sound')
  if max_frames is not None:
    waveform = waveform[: max_frames * SAMPLES_PER_FRAME]
  first = next(iter(video.frames()))
  photo = face.Photo(first, find_face(first, str(video)))
  return pipe((waveform, SAMPLE_RATE_HZ), portrait=photo, full_frame=True, **options)


@contextlib.contextmanager
def face_finder(landmarker: str) -> Iterator[FindFace]:
  """Context manager that yields a function that finds faces by MediaPipe's face_landmarker.task, opened once.

  The function raises `PortraitError` for a picture without a face or with several.
  """
  with face.open_landmarker(landmarker) as landmarks:
    yield lambda pixels, source: face.find_face(pixels, landmarks, source)
