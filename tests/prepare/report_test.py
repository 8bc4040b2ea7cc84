"""Preparation reports: summaries, the page for people, a finished corpus that is read again."""

import json

import numpy as np
import pytest

from seetalk_jax.data import sources
from seetalk_jax.errors import InputError
from seetalk_jax.prepare import layouts, recording, report, staging

SETTINGS = recording.Settings(size=64)
QUALITY = {'side': 200, 'sharpness': 30.0, 'yaw': 3.0, 'speech': 0.5, 'faces': 1}


def entry(name, status='kept', reason='', flags=()):
  found = {'file': f'{name}.mp4', 'speaker': name, 'split': 'train', 'status': status, 'reason': reason}
  if status != 'kept':
    return found
  clip = {'start': 0.0, 'stop': 2.0, 'records': 2, 'flags': list(flags), 'quality': QUALITY}
  return found | {'kept_seconds': 1800.0, 'bytes': 10**9, 'records': 2, 'seconds': 1801.0, 'clips': [clip]}


ENTRIES = [
  entry('anna', flags=['sound <late>']),
  entry('bert'),
  entry('c & d', 'rejected', 'no_face'),
  entry('eva', 'failed', 'not a video'),
]


def item_of(found):
  return layouts.Item(file=found['file'], speaker=found['speaker'], clip='1', split='train')


ITEMS = [item_of(found) for found in ENTRIES]


@pytest.fixture
def written(tmp_path):
  staged = staging.Staging.begin(tmp_path, ITEMS, SETTINGS, 'folder')
  for item, found in zip(ITEMS, ENTRIES, strict=True):
    picture = b'jpeg' if found['status'] == 'kept' else b''
    staged.keep(item, recording.Outcome(entry=found, thumbnail=picture))
  return tmp_path, report.write(tmp_path, staged, ENTRIES, SETTINGS, 'folder')


def test_a_summary_in_one_line():
  line = report.summarise(ENTRIES).line
  assert line == 'kept 2 (1.00 h, 2.00 GB an hour; 1 flagged), rejected 1 (no_face 1), failed 1'
  assert report.summarise([]).line == 'kept 0 (0.00 h; 0 flagged), rejected 0, failed 0'


def test_reports_and_manifest(written):
  folder, summary = written
  assert json.loads((folder / report.REPORT_JSON).read_text()) == ENTRIES
  page = (folder / report.REPORT_HTML).read_text()
  assert page.count('<img') == 2 and 'sound &lt;late&gt;' in page and 'c &amp; d' in page
  assert 'no face is detected throughout' in page
  parts = sources.read_manifest(folder)['parts']
  assert list(parts) == ['real-train']
  assert parts['real-train']['num'] == 4 and parts['real-train']['speakers'] == 2
  assert parts['real-train']['largest_side'] == 200
  assert np.load(folder / 'real-train.clips.npy').tolist() == [[2, 50], [2, 50]]
  assert report.read_finished(folder, ITEMS, SETTINGS, 'folder') == summary


def test_the_page_of_a_large_corpus_has_some_of_its_recordings(tmp_path, monkeypatch):
  monkeypatch.setattr(report, '_MAX_ROWS', 4)
  entries = [entry(f'speaker {i:02d}') for i in range(10)]
  staged = staging.Staging.begin(tmp_path, [item_of(found) for found in entries], SETTINGS, 'folder')
  for item, found in zip(staged.items, entries, strict=True):
    staged.keep(item, recording.Outcome(entry=found))
  report.write(tmp_path, staged, entries, SETTINGS, 'folder')
  page = (tmp_path / report.REPORT_HTML).read_text()
  assert [i for i in range(10) if f'speaker {i:02d}.mp4' in page] == [0, 2, 5, 7]
  assert '4 of 10 recordings, all are in report.json' in page
  assert len(json.loads((tmp_path / report.REPORT_JSON).read_text())) == 10


def test_the_page_says_how_much_of_a_crop_is_outside(written):
  cut = entry('anna')
  cut['clips'][0]['quality'] = {**QUALITY, 'outside': 0.28}
  assert 'face 200 px, 28 % outside, sharpness' in report._page([cut], [''], report.summarise([cut]), 1)


def test_a_finished_corpus_is_not_prepared_differently(written, tmp_path_factory):
  folder, _ = written
  with pytest.raises(InputError, match='other settings'):
    report.read_finished(folder, ITEMS, recording.Settings(size=32), 'folder')
  with pytest.raises(InputError, match=r'1 recordings \(such as new\.mp4\) are new'):
    report.read_finished(folder, [*ITEMS, item_of(entry('new'))], SETTINGS, 'folder')
  assert report.read_finished(tmp_path_factory.mktemp('empty'), ITEMS, SETTINGS, 'folder') is None
  manifest = json.loads((folder / sources.CORPUS_FILE).read_text())
  del manifest['prepared']
  (folder / sources.CORPUS_FILE).write_text(json.dumps(manifest))
  with pytest.raises(InputError, match='another kind'):
    report.read_finished(folder, ITEMS, SETTINGS, 'folder')
