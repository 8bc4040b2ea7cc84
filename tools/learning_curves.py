"""Learning curves of a run of all stages: held-out figures over core-minutes, and a strip of sample pictures.

python tools/learning_curves.py runs/demo --cores 1 --strip docs/pictures/training.png

Prints a table in Markdown: per phase of a stage its steps and core-minutes, and one held-out figure after about a
quarter, a half and all of its training. The strip shows one row of pictures per phase, the last rows of the sample
pictures of training at the same points.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import NamedTuple

import numpy as np
from PIL import Image

from seetalk_jax import files
from seetalk_jax.constants import STAGES
from seetalk_jax.training import sample_picture

# Stage -> the held-out metric that is shown, and what it is.
FIGURES = {
  'conre': ('articulation_r2', 'R2 of lip controls from speech'),
  'autoencoder': ('psnr', 'PSNR, dB'),
  'portrait': ('error', 'error of the estimated latents'),
  'codebook': ('psnr', 'PSNR, dB'),
  'motion_codec': ('psnr_warped', 'PSNR of the warped head, dB'),
  'code_transformer': ('accuracy', 'share of correct codes'),
  'motion': ('error', 'error of the estimated tracks'),
  'lip_refiner': ('inside', 'error inside the lip subspace'),
  'render': ('psnr_head', 'PSNR of the head, dB'),
}
POINTS = (0.25, 0.5, 1.0)


class Curve(NamedTuple):
  """Held-out values of a run, in order of training: steps, minutes and values, one list each."""

  steps: list[int]
  minutes: list[float]
  values: list[float]

  def at(self, share: float) -> int:
    """Index of the first value after `share` of the minutes."""
    return next(i for i, m in enumerate(self.minutes) if m >= share * self.minutes[-1] - 1e-6)


def read_curve(metrics: pathlib.Path, name: str) -> Curve:
  """The values of `held_out/NAME` in a metrics.jsonl; minutes are those of the training metrics before them."""
  curve, minutes = Curve([], [], []), 0.0
  for line in metrics.read_text().splitlines():
    row = json.loads(line)
    minutes = row.get('minutes', minutes)
    if (value := row.get(f'held_out/{name}')) is not None:
      curve.steps.append(row['step'])
      curve.minutes.append(minutes)
      curve.values.append(value)
  return curve


def phases(workdir: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
  """(stage, directory) of the finished or running phases in `workdir` that have a figure, in order of training."""
  found = []
  for stage in STAGES:
    numbered = sorted(workdir.glob(f'{stage}_[0-9]'))
    found += [(stage, path) for path in (*numbered, workdir / stage) if (path / 'metrics.jsonl').exists()]
  return [(stage, path) for stage, path in found if stage in FIGURES]


def table(workdir: pathlib.Path, cores: float) -> str:
  """The table of all phases."""
  header = ['phase', 'steps', 'core-minutes', 'held out', *(f'after {share:.0%}' for share in POINTS)]
  rows = [header, ['---'] * len(header)]
  for stage, path in phases(workdir):
    name, meaning = FIGURES[stage]
    curve = read_curve(path / 'metrics.jsonl', name)
    if not curve.steps:
      continue
    values = [f'{curve.values[curve.at(share)]:.3g}' for share in POINTS]
    rows.append(
      [f'`{path.name}`', f'{curve.steps[-1]:,}', f'{curve.minutes[-1] * cores:.0f}', meaning, *values]
    )
  return '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)


def strip(workdir: pathlib.Path, side: int) -> np.ndarray:
  """uint8 `[h, w, 3]`: per phase a row of sample pictures, `side` pixels high, in order of training."""
  rows, labels = [], []
  for _, path in phases(workdir):
    pictures = sorted((path / 'samples').glob('*.png'))
    if pictures:
      chosen = [pictures[max(round(share * len(pictures)) - 1, 0)] for share in POINTS]
      small = [Image.open(picture).convert('RGB') for picture in chosen]
      small = [np.asarray(image.resize((round(side * image.width / image.height), side))) for image in small]
      rows.append(np.concatenate(small, axis=1))
      labels.append(f'{path.name}: steps {", ".join(str(int(picture.stem)) for picture in chosen)}')
  width = max((row.shape[1] for row in rows), default=0)
  padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=250) for row in rows]
  return sample_picture.labeled(np.concatenate(padded), labels)


def main(argv: list[str] | None = None) -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('workdir', type=pathlib.Path, help='of configs/all.py')
  parser.add_argument('--cores', type=float, default=1.0, help='CPU cores that each stage had')
  parser.add_argument('--strip', type=pathlib.Path, help='write sample pictures to this file')
  parser.add_argument('--side', type=int, default=480, help='height of a row of the strip in pixels')
  args = parser.parse_args(argv)
  if not phases(args.workdir):
    print(
      f'{args.workdir} has no directory of a stage with metrics.jsonl: give the --workdir of train.py',
      file=sys.stderr,
    )
    return 1
  print(table(args.workdir, args.cores))
  if args.strip:
    with files.replacing(args.strip) as path:
      Image.fromarray(strip(args.workdir, args.side)).save(path, format='PNG')
  return 0


if __name__ == '__main__':
  sys.exit(main())
