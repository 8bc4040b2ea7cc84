"""Generated counterparts of real videos: the first frame of each, moved by its sound."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax import files
from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.videos.sources import VideoFile
from seetalk_jax.inference import pipeline
from seetalk_jax.media import face

# Finds the portrait crop of a picture uint8 `[h, w, 3]`; the name is for errors.
FindFace = Callable[[np.ndarray, str], face.FaceBox]


def generate(
  real: Sequence[VideoFile], pipe: pipeline.SeeTalk, find_face: FindFace, folder: str | os.PathLike, seed: int
) -> list[VideoFile]:
  """Writes FOLDER/NAME.mp4 for every real video: its first frame speaks its sound, as long as it is measured.

  The head goes back into the whole first frame, so that generated and real frames have one framing. Videos that exist
  already are kept.

  Args:
    real: the real videos.
    pipe: the pipeline under test.
    find_face: finds the face of the first frame.
    folder: for the generated videos.
    seed: of the first video; each following one has the next.

  Returns:
    The generated videos. A real one without sound or without a face in its first frame has none, which a line says.
  """
  files.make_folder(pathlib.Path(folder))
  made = []
  for i, video in enumerate(tqdm(real, desc='generate', file=sys.stderr)):
    path = pathlib.Path(folder) / f'{video.name}.mp4'
    if not path.exists():
      try:
        _generate_one(video, pipe, find_face, path, seed + i)
      except InputError as error:
        print(f'{video.path} is left out: {error}', file=sys.stderr)
        continue
    made.append(VideoFile(path, video.max_frames))
  return made


def _generate_one(
  video: VideoFile, pipe: pipeline.SeeTalk, find_face: FindFace, path: pathlib.Path, seed: int
) -> None:
  waveform = video.waveform()
  if waveform is None:
    raise InputError(f'no sound, {video.path}: give videos with sound')
  if video.max_frames is not None:
    waveform = waveform[: video.max_frames * SAMPLES_PER_FRAME]
  first = next(video.frames())
  photo = face.Photo(first, find_face(first, str(video.path)))
  pipe((waveform, SAMPLE_RATE_HZ), portrait=photo, full_frame=True, seed=seed).save(path)


@contextlib.contextmanager
def face_finder(landmarker: str) -> Iterator[FindFace]:
  """Context manager that yields a function that finds faces by MediaPipe's face_landmarker.task, opened once.

  The function raises `PortraitError` for a picture without a face or with several.
  """
  with face.open_landmarker(landmarker) as landmarks:
    yield lambda pixels, source: face.find_face(pixels, landmarks, source)
