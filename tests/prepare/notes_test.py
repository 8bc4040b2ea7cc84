"""Notes on a corpus: missing splits, crops outside of the picture, and a command that trains."""

import json
import pathlib
import shlex

import pytest

from seetalk_jax.configs import all as all_stages
from seetalk_jax.data import schema, sources
from seetalk_jax.prepare import notes, report


def corpus(
  folder, *, layout='folder', size=512, largest_side=512, outside=(0.0,), files=('anna/a.mp4',), **splits
):
  """A corpus with a number of records in each split; its report has a clip for each share outside."""
  folder = pathlib.Path(folder)
  parts = {f'real-{split}': {'num': num, 'largest_side': largest_side} for split, num in splits.items()}
  manifest = {'schema': schema.SCHEMA_VERSION, 'parts': parts, 'prepared': {'layout': layout, 'size': size}}
  (folder / sources.CORPUS_FILE).write_text(json.dumps(manifest))
  clips = [{'quality': {'outside': share}} for share in outside]
  entries = [{'file': file, 'speaker': file, 'clips': clips if file == files[0] else []} for file in files]
  (folder / report.REPORT_JSON).write_text(json.dumps(entries))
  return notes.of_corpus(folder)


def test_a_whole_corpus_names_its_report_and_the_next_command(tmp_path):
  found = corpus(tmp_path, train=9, validation=2, test=2)
  assert found.missing_splits == [] and found.report == str(tmp_path / 'report.html')
  assert found.lines == [
    f'what was kept and why: {found.report}',
    f'next, train on it: {found.next_command}',
  ]


@pytest.mark.parametrize(
  ('size', 'variant'), [(512, 'real-demo'), (1024, 'real-demo'), (64, 'real-tiny'), (256, 'real-tiny')]
)
def test_the_next_command_trains_on_the_corpus(tmp_path, size, variant):
  folder = tmp_path / "it's mine"
  folder.mkdir()
  found = corpus(folder, size=size, train=9)
  assert any('prepare with --size 512' in line for line in found.lines) == (variant == 'real-tiny')
  words = shlex.split(found.next_command)
  assert words[:6] == [
    'python',
    'train.py',
    '--config',
    f'configs/all.py:{variant}',
    '--workdir',
    words[5],
  ]
  flags = dict(word.removeprefix('--config.').split('=', 1) for word in words[6:])
  config = all_stages.get_config(variant)
  assert pathlib.Path(config.data_root) / eval(flags['corpora'])[0] == folder
  assert {
    size % stage.options.image_size for stage in config.overrides.values() if 'image_size' in stage.options
  } == {0}


@pytest.mark.parametrize(('side', 'flag'), [(383, True), (384, False)])
def test_small_recordings_train_without_a_smallest_size(tmp_path, side, flag):
  command = corpus(tmp_path, largest_side=side, train=9).next_command
  assert command.endswith('--config.min_side=0') == flag
  assert all_stages.get_config('real-demo').min_side == 384


def test_sizes_that_no_variant_divides_have_no_command(tmp_path):
  assert corpus(tmp_path, size=100, train=9).next_command == ''


@pytest.mark.parametrize(
  ('splits', 'layout', 'missing', 'words'),
  [
    (
      {'train': 9},
      'folder',
      ['validation', 'test'],
      ('no held-out metrics', 'final evaluation', '--layout person'),
    ),
    (
      {'train': 9},
      'person',
      ['validation', 'test'],
      ('no held-out metrics', 'cut a long one into several files'),
    ),
    ({'train': 9, 'test': 1}, 'hdtf', ['validation'], ('no held-out metrics', 'more speakers')),
    ({'test': 9}, 'voxceleb2', ['train', 'validation'], ('training is not possible', 'official train set')),
  ],
)
def test_missing_splits_are_named_with_what_they_cost(tmp_path, splits, layout, missing, words):
  found = corpus(tmp_path, layout=layout, **splits)
  assert found.missing_splits == missing
  (line,) = [line for line in found.lines if line.startswith('no recording is in the')]
  assert all(word in line for word in words)
  assert bool(found.next_command) == ('train' in splits)


@pytest.mark.parametrize(('size', 'variant'), [(512, 'real-person'), (64, '')])
def test_the_next_command_of_one_person_compares_no_speakers(tmp_path, size, variant):
  parts = {'real-train': {'num': 9, 'speakers': 1}}
  manifest = {'schema': schema.SCHEMA_VERSION, 'parts': parts, 'prepared': {'layout': 'person', 'size': size}}
  (tmp_path / sources.CORPUS_FILE).write_text(json.dumps(manifest))
  (tmp_path / report.REPORT_JSON).write_text('[]')
  found = notes.of_corpus(tmp_path)
  assert found.next_command.partition('configs/all.py:')[2].partition(' ')[0] == variant
  assert any('seetalk adapt' in line for line in found.lines)


def test_nothing_kept(tmp_path):
  found = corpus(tmp_path)
  assert found.missing_splits == ['train', 'validation', 'test'] and not found.next_command
  assert 'nothing was kept' in found.lines[-1]


def test_crops_outside_of_the_picture_and_flat_folders_are_named(tmp_path):
  found = corpus(tmp_path, outside=(0.0, 0.1, 0.2, 0.35), files=('a.mp4', 'b.mp4'), train=9)
  assert any(line.startswith('2 of 4 clips have more than 10 % of the crop outside') for line in found.lines)
  assert any(line.startswith('2 files directly in the folder count as 2 speakers') for line in found.lines)
