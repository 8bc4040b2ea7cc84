"""Notes on a finished corpus: its report, the splits that it lacks, and the command that trains on it."""

from __future__ import annotations

import json
import math
import pathlib
import shlex
from typing import NamedTuple

from seetalk_jax.constants import IMAGE_SIZES, ONE_PERSON, POD_SIZES, RECORDING_VARIANTS, smallest_crop
from seetalk_jax.data import sources
from seetalk_jax.prepare import clip_quality, layouts
from seetalk_jax.prepare.report import KIND, REPORT_HTML, REPORT_JSON

# Split -> what a corpus without it cannot be used for.
_MISSING = {
  'train': 'training is not possible',
  'validation': 'training has no held-out metrics and pictures',
  'test': 'no recordings are left for a final evaluation',
}
TEST_VARIANT = 'real-tiny'
# Variants of configs/all.py for one machine -> pixels of their pictures.
_VARIANTS = {
  variant: IMAGE_SIZES[size] for variant, size in RECORDING_VARIANTS.items() if size not in POD_SIZES
}


class Notes(NamedTuple):
  """Notes on a corpus.

  Attributes:
    report: page of what was kept and why.
    missing_splits: splits without a record, in the order of `layouts.SPLITS`.
    lines: sentences for people.
    next_command: command that trains all networks on the corpus; '' if it cannot be trained on.
  """

  report: str
  missing_splits: list[str]
  lines: list[str]
  next_command: str


def of_corpus(out_dir: pathlib.Path) -> Notes:
  """Notes on the finished corpus in a folder."""
  manifest = sources.read_manifest(out_dir)
  entries = json.loads((out_dir / REPORT_JSON).read_text())
  parts, settings = manifest['parts'], manifest['prepared']
  missing = [split for split in layouts.SPLITS if f'{KIND}-{split}' not in parts]
  report = str(out_dir / REPORT_HTML)
  lines = [f'what was kept and why: {report}']
  if not parts:
    return Notes(report, missing, [*lines, f'nothing was kept: training on {out_dir} is not possible'], '')
  lines += _flat_folder(entries) + _outside(entries)
  if missing:
    lines.append(_lacks(missing, settings['layout']))
  command = '' if 'train' in missing else _train_command(out_dir, settings['size'], parts[f'{KIND}-train'])
  if parts.get(f'{KIND}-train', {}).get('speakers') == 1:
    lines.append(
      'all recordings for training are of one person: seetalk adapt VIDEO -o RELEASE --consent TEXT adapts a release '
      'to this person in minutes'
    )
  if command:
    lines.append(f'next, train on it: {command}')
  if TEST_VARIANT in command:
    lines.append(
      f'{TEST_VARIANT} is a test of a few steps: prepare with --size {IMAGE_SIZES["demo"]} to train networks that '
      'draw faces'
    )
  return Notes(report, missing, lines, command)


def _flat_folder(entries: list[dict]) -> list[str]:
  alone = sum('/' not in entry['file'] for entry in entries)
  if alone < 2 or len({entry['speaker'] for entry in entries}) < len(entries):
    return []
  return [
    f'{alone} files directly in the folder count as {alone} speakers: put the files of a speaker into a folder, or '
    'use --layout person where all are of one person'
  ]


def _outside(entries: list[dict]) -> list[str]:
  shares = [clip['quality'].get('outside', 0.0) for entry in entries for clip in entry.get('clips', ())]
  count = sum(share > clip_quality.FLAG_OUTSIDE for share in shares)
  if not count:
    return []
  return [
    f'{count} of {len(shares)} clips have more than {100 * clip_quality.FLAG_OUTSIDE:.0f} % of the crop outside of the '
    'picture: it is masked in losses; --max-outside refuses such clips'
  ]


def _lacks(missing: list[str], layout: str) -> str:
  """What a corpus without some splits cannot be used for, and how to get them."""
  what = '; '.join(f'{split} split, {_MISSING[split]}' for split in missing)
  if layout == 'person':
    how = 'prepare more recordings of the person, or cut a long one into several files'
  elif 'train' in missing:
    how = 'prepare recordings of the official train set too, or use --layout folder'
  else:
    how = 'prepare more speakers, or use --layout person where all are of one person: it splits by recording'
  return f'no recording is in the {what}: {how}'


def _train_command(out_dir: pathlib.Path, size: int, train: dict) -> str:
  """Command that trains on the corpus, of the largest variant whose pictures divide the stored ones; '' for none.

  Args:
    out_dir: the corpus.
    size: side of its pictures, in pixels.
    train: entry of its train split in `corpus.json`.
  """
  one_person = train.get('speakers') == 1
  fitting = (
    name for name, side in _VARIANTS.items() if size % side == 0 and (name == ONE_PERSON) == one_person
  )
  variant = next(fitting, None)
  if variant is None:
    return ''
  name = str(out_dir)
  corpora = f'({name!r},)'
  quoted = f'"{corpora}"' if shlex.quote(name) == name else shlex.quote(corpora)
  command = f'python train.py --config configs/all.py:{variant} --workdir runs/real --config.corpora={quoted}'
  too_small = train.get('largest_side', math.inf) < smallest_crop(_VARIANTS[variant])
  return f'{command} --config.min_side=0' if too_small else command
