"""Staging of a preparation: finished recordings come back, plans grow, other settings are named."""

import dataclasses
import json

import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.prepare import layouts, recording, staging, thresholds

SETTINGS = recording.Settings(size=64)
ANNA, BERT, CARL = (
  layouts.Item(file=f'{name}/1.mp4', speaker=name, clip='1', split='train')
  for name in ('anna', 'bert', 'carl')
)


def begin(folder, items, settings=SETTINGS, layout='folder'):
  return staging.Staging.begin(folder, items, settings, layout)


def test_finished_recordings_come_back(tmp_path):
  first = begin(tmp_path, [ANNA, BERT])
  assert first.todo() == [ANNA, BERT]
  first.keep(ANNA, recording.Outcome(entry={'status': 'kept'}, records=[b'one', b'two'], thumbnail=b'jpeg'))
  again = begin(tmp_path, [ANNA, BERT])
  assert again.todo() == [BERT] and again.done(ANNA)
  assert again.entry(ANNA) == {'status': 'kept'} and again.thumbnail(ANNA) == 'anBlZw=='
  assert list(again.records(ANNA)) == [b'one', b'two']
  again.keep(BERT, recording.Outcome(entry={'status': 'rejected'}))
  assert again.entries() == [{'status': 'kept'}, {'status': 'rejected'}] and again.thumbnail(BERT) == ''
  again.forget_records(ANNA), again.forget_records(BERT)
  assert not list(tmp_path.rglob('*.records')) and again.done(ANNA)
  again.remove()
  assert not list(tmp_path.iterdir())


def test_a_recording_without_its_entry_is_not_done(tmp_path):
  staged = begin(tmp_path, [ANNA])
  staged.keep(ANNA, recording.Outcome(entry={'status': 'kept'}, records=[b'one']))
  (entry,) = (path for path in staged.directory.glob('*/*.json'))
  entry.unlink()  # the run was killed between the two files
  assert begin(tmp_path, [ANNA]).todo() == [ANNA]


def test_a_plan_keeps_missing_recordings_and_takes_new_ones(tmp_path):
  begin(tmp_path, [BERT, CARL])
  assert begin(tmp_path, [ANNA, CARL]).items == (ANNA, BERT, CARL)
  planned = json.loads((tmp_path / staging.STAGING_DIR / 'plan.json').read_text())
  assert [item['file'] for item in planned['items']] == ['anna/1.mp4', 'bert/1.mp4', 'carl/1.mp4']


def test_other_settings_are_named(tmp_path):
  begin(tmp_path, [ANNA])
  limits = thresholds.Thresholds(min_side=32)
  with pytest.raises(InputError, match=r'another size, min_side: use the same settings'):
    begin(tmp_path, [ANNA], dataclasses.replace(SETTINGS, size=32, limits=limits))
  with pytest.raises(InputError, match='another layout'):
    begin(tmp_path, [ANNA], layout='hdtf')
