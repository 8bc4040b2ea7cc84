"""Videos of real recordings: share of videos with the right length."""

from __future__ import annotations

import os
import pathlib
import sys

import numpy as np
from tqdm import tqdm

from seetalk_jax import constants
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.report import Figure
from seetalk_jax.files import make_folder
from seetalk_jax.inference import pipeline
from seetalk_jax.media import audio, decode


def count_frames(path: str | os.PathLike) -> int:
  """Number of pictures that a video file decodes to."""
  with decode.open_container(path) as container:
    return sum(1 for _ in container.decode(video=0))


def recording_figures(speech_dir: str, out_dir: str, pipe: pipeline.SeeTalk, seed: int) -> list[Figure]:
  """Writes OUT_DIR/NAME.mp4 for every recording in `speech_dir`, unmarked; other tools may evaluate the faces.

  Raises:
    InputError: `speech_dir` does not exist or has no files.
  """
  folder = pathlib.Path(speech_dir)
  files = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
  if not files:
    raise InputError(f'no recordings, {speech_dir}: give a folder of speech files')
  out = pathlib.Path(out_dir)
  make_folder(out)
  right = []
  for path in tqdm(files, desc='recordings', file=sys.stderr):
    speech = audio.load_speech(path)
    clip = pipe(speech, seed=seed)
    made = clip.save(out / f'{path.stem}.mp4', watermark=False)
    wanted = len(speech.waveform) / constants.SAMPLES_PER_FRAME
    right.append(abs(count_frames(made) - wanted) <= 1.0)
  value = 100.0 * float(np.mean(right))
  return [Figure('recordings', 'videos of the right length, %', value, '>= 100', len(right), note=out_dir)]
