"""Preparation of real recordings. Needs MediaPipe, its model, and a folder of clips with a manifest.

    SEETALK_REAL_CLIPS=DIR SEETALK_FACE_LANDMARKER=face_landmarker.task pytest -m proof
    tests/integration/real_clips_test.py

DIR/MANIFEST.tsv has the columns `file` and `note`; notes begin with TALK, TALK-OFFSET, SILENT or NEGATIVE.
"""

from __future__ import annotations

import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

CLIPS = os.environ.get('SEETALK_REAL_CLIPS')
pytestmark = [
  pytest.mark.proof,
  pytest.mark.skipif(
    not (CLIPS and os.environ.get('SEETALK_FACE_LANDMARKER')),
    reason='needs SEETALK_REAL_CLIPS and SEETALK_FACE_LANDMARKER',
  ),
]
KILLS = 20


def _command(out: pathlib.Path, raw: pathlib.Path, *more: str) -> list[str]:
  return [sys.executable, '-m', 'seetalk_jax', 'prepare', str(raw), str(out), '--quiet', *more]


def _files(folder: pathlib.Path) -> dict[str, bytes]:
  return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
  raw, out = pathlib.Path(CLIPS) / 'video', tmp_path_factory.mktemp('prepared')
  done = subprocess.run(_command(out, raw), capture_output=True, text=True, check=True)
  return raw, out, done.stdout


def test_what_a_person_saw_is_what_preparation_finds(prepared):
  raw, out, said = prepared
  entries = {entry['file']: entry for entry in json.loads((out / 'report.json').read_text())}
  with open(pathlib.Path(CLIPS) / 'MANIFEST.tsv', newline='') as file:
    notes = {
      pathlib.PurePosixPath(row['file']).name: row['note']
      for row in csv.DictReader(file, delimiter='\t')
      if row['file'].startswith('video/')
    }
  assert set(notes) == set(entries)
  for name, note in notes.items():
    entry = entries[name]
    flags = [flag for clip in entry.get('clips', ()) for flag in clip['flags'] if flag.startswith('sound')]
    if note.startswith('TALK-OFFSET'):
      assert entry['status'] == 'kept' and flags
      assert all(abs(clip['offset'] - 7) <= 3 for clip in entry['clips'])
    elif entry['reason'] == 'outside':
      assert entry['quality']['outside'] > 0.4
    elif note.startswith('TALK'):
      assert entry['status'] == 'kept' and not flags, (name, entry)
    elif note.startswith('NEGATIVE'):
      assert (entry['status'], entry['reason']) == ('rejected', 'no_face')
    else:
      assert entry['status'] == 'rejected' and entry['reason'] in ('no_sound', 'silent', 'too_short')
  assert said.startswith('kept ')


def test_kills_at_random_moments_cost_nothing(prepared, tmp_path):
  raw, wanted, _ = prepared
  out, rng = tmp_path / 'out', random.Random(0)
  for _ in range(KILLS):
    # An own process group: the workers are killed with it, or notice that their parent has exited.
    process = subprocess.Popen(_command(out, raw), start_new_session=True, stdout=subprocess.DEVNULL)
    time.sleep(rng.uniform(1.0, 25.0))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
  subprocess.run(_command(out, raw), check=True, stdout=subprocess.DEVNULL)
  assert _files(out) == _files(wanted)
