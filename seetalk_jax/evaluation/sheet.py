"""Picture sheet of results: portraits and video frames of held-out voices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from seetalk_jax import files
from seetalk_jax.evaluation.inputs import EvaluationInputs

CELL, GAP, LABEL = 144, 4, 18
_INK, _PAPER = (40, 40, 40), (250, 250, 250)


def grid(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str], *, cell: int = CELL) -> np.ndarray:
  """Joins rows of uint8 pictures, each row under its label, to one picture uint8 `[h, w, 3]`."""
  columns = max(len(row) for row in rows)
  height = len(rows) * (cell + GAP + LABEL) + GAP
  sheet = Image.new('RGB', (columns * (cell + GAP) + GAP, height), _PAPER)
  draw = ImageDraw.Draw(sheet)
  for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
    top = i * (cell + GAP + LABEL) + GAP
    draw.text((GAP + 2, top + 2), label, fill=_INK)
    for j, picture in enumerate(row):
      small = Image.fromarray(picture).resize((cell, cell), Image.Resampling.LANCZOS)
      sheet.paste(small, (GAP + j * (cell + GAP), top + LABEL))
  return np.asarray(sheet)


def write_sheet(
  path: str, inputs: EvaluationInputs, *, voices: int = 5, faces: int = 3, frames: int = 6
) -> None:
  """Writes a sheet of `voices` held-out talks: `faces` portraits each, then frames of the video.

  Args:
    inputs: only its `talks` and its `generator` are used.
  """
  rows, labels = [], []
  for i, talk in enumerate(inputs.talks[:voices]):
    seed = inputs.config.seed + faces * i  # disjoint seeds: common noise would give similar faces
    portraits = inputs.generator.portraits(talk.speech, [seed + k for k in range(faces)])
    video = inputs.generator.video(talk.speech, seed)
    loudest = spread_out(inputs.world.opening(talk.motion)[: len(video)], frames)
    rows.append([*portraits, *video[loudest]])
    sex, age, _ = inputs.world.attributes(talk.speaker)
    kind = 'male' if sex > 0.5 else 'female'
    labels.append(
      f'a {kind} voice of {age:.0f} (held out): {faces} faces sampled for it, then the first one speaking'
    )
  with files.replacing(path) as part:
    Image.fromarray(grid(rows, labels)).save(part, format='PNG', optimize=True)


def spread_out(opening: np.ndarray, num: int) -> np.ndarray:
  """Indices `[num]` of frames, one per equal segment, with the mouth alternately most closed and most open.

  The alternation makes the lip motion visible in still pictures.
  """
  edges = np.linspace(0, len(opening), num + 1).astype(int)
  picks = [np.argmax if i % 2 else np.argmin for i in range(num)]
  return np.array([a + pick(opening[a:b]) for pick, a, b in zip(picks, edges[:-1], edges[1:], strict=True)])
