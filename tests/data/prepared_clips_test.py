"""Clip lengths of a prepared corpus: the array, the report without it, and the memory that reading takes."""

import json
import tracemalloc

import numpy as np
import pytest

from seetalk_jax.data import prepared_clips

NUM_ENTRIES = 20_000


def invented_report():
  """Entries with 0 to 3 clips, of two splits, with texts that hold brackets, quotes and other letters."""
  rng = np.random.default_rng(0)
  entries = []
  for number in range(NUM_ENTRIES):
    head = {'file': f'id{number} ' + '"}],[{\\ \u00e4\udcff.mp4', 'split': ('train', 'test')[number % 3 == 0]}
    if number % 7 == 0:
      entries.append({**head, 'status': 'rejected', 'reason': 'no_face', 'quality': {'side': 20}})
      continue
    clips = [
      {
        'records': int(n),
        'start': 0.04,
        'stop': 0.04 + 0.04 * int(25 * n - 7),
        'flags': [],
        'quality': {'side': 200},
      }
      for n in rng.integers(1, 9, rng.integers(1, 4))
    ]
    entries.append({**head, 'status': 'kept', 'reason': '', 'clips': clips})
  return entries


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  """(folder with a report, its entries)."""
  folder, entries = tmp_path_factory.mktemp('corpus'), invented_report()
  (folder / 'report.json').write_text(json.dumps(entries, indent=1) + '\n')
  return folder, entries


def wanted_of(entries, split):
  kept = [entry for entry in entries if entry['status'] == 'kept' and entry['split'] == split]
  return [(clip['records'], 25 * clip['records'] - 7) for entry in kept for clip in entry['clips']]


@pytest.mark.parametrize('split', ['train', 'test'])
def test_array_and_report_give_the_same_lengths(written, tmp_path, split):
  folder, entries = written
  wanted = wanted_of(entries, split)
  num_records = sum(records for records, _ in wanted)
  stored, missing = tmp_path / 'clips.npy', tmp_path / 'none'
  prepared_clips.write(stored, prepared_clips.of_entries(entries, split))
  assert stored.stat().st_size < 8 * len(wanted) + 200
  for path, report in ((stored, missing), (missing, folder / 'report.json')):
    found = prepared_clips.read(path, report, split, num_records)
    assert found.dtype == np.int32 and found.tolist() == [list(row) for row in wanted]
    assert prepared_clips.read(path, report, split, num_records + 1) is None


def test_memory_does_not_grow_with_the_entries_of_the_report(written, tmp_path):
  folder, entries = written
  num_records = sum(records for records, _ in wanted_of(entries, 'train'))
  tracemalloc.start()
  try:
    found = prepared_clips.read(tmp_path / 'none', folder / 'report.json', 'train', num_records)
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  assert peak < 2e6 + 16 * len(found)  # all entries at once: 35 MB


@pytest.mark.parametrize('form', [{'indent': 1}, {'separators': (',', ':')}])
@pytest.mark.parametrize('size', [5, 2**16])
def test_reports_of_any_spacing_are_read_in_pieces_of_any_size(written, tmp_path, monkeypatch, form, size):
  entries = written[1][:20]
  (tmp_path / 'report.json').write_text(json.dumps(entries, **form))
  monkeypatch.setattr(prepared_clips, '_CHARACTERS', size)
  assert list(prepared_clips._entries_of(tmp_path / 'report.json')) == entries


@pytest.mark.parametrize(
  'text', ['', '{}', '[', '[1]', '[{"status": "kept"', '[{"status": "kept"}]', '[] ', '\x80']
)
def test_a_damaged_report_gives_no_lengths(tmp_path, text):
  (tmp_path / 'report.json').write_bytes(text.encode('latin-1'))
  (tmp_path / 'clips.npy').write_bytes(text.encode('latin-1'))
  assert prepared_clips.read(tmp_path / 'clips.npy', tmp_path / 'report.json', 'train', 3) is None
