"""TFDS builders: the bytes of `seetalk prepare`, without TensorFlow."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

pytest.importorskip('tensorflow_datasets', reason='needs the extra data')

import green_faces

from seetalk_jax import constants
from seetalk_jax.data import clip_lengths, pipeline, schema
from seetalk_jax.data.tfds import builders
from seetalk_jax.errors import InputError
from seetalk_jax.media import landmarker_model
from seetalk_jax.prepare import clip_quality, layouts, recording

SETTINGS = recording.Settings(size=64, limits=clip_quality.Thresholds(min_side=64, min_sharpness=0.0))


@pytest.fixture
def raw(tmp_path, monkeypatch):
  green_faces.use(monkeypatch)
  monkeypatch.setattr(landmarker_model, 'find', lambda path=None: 'model')
  folder = tmp_path / 'raw'
  folder.mkdir()
  for number in range(3):
    green_faces.write(folder / f'RD_Radio{number}_000.mp4', seed=number, seconds=2.2)
  green_faces.write(folder / 'RD_Radio0_001.mp4', sound=None, seconds=1.5)
  return folder


def test_a_builder_holds_what_preparation_makes(raw, tmp_path, monkeypatch):
  builder = builders.Hdtf(raw_dir=raw, settings=SETTINGS, data_dir=tmp_path / 'data')
  builder.download_and_prepare()
  assert 'tensorflow' not in sys.modules
  assert builder.info.metadata['summary'].startswith('kept 3 ')
  again = builders.Hdtf(data_dir=tmp_path / 'data')  # reading needs no raw folder
  for split in again.info.splits:
    source = builders.TfdsSource(again, split)
    items = [item for item in layouts.find_items(raw, 'hdtf') if item.split == split]
    wanted = [
      data
      for item in items
      for data in recording.prepare_recording(raw, item, SETTINGS, green_faces.read).records
    ]
    assert [schema.encode(source[i]) for i in range(len(source))] == wanted
    # The lengths of clips are known from the report, without reading all records.
    counted = clip_lengths.clip_lengths(list(map(source.__getitem__, range(len(source)))))
    with monkeypatch.context() as patch:
      patch.setattr(clip_lengths, '_counted', None)
      np.testing.assert_array_equal(clip_lengths.clip_lengths(source), counted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).prepared_clips(), counted)
    assert not any('report' in name for name in vars(source))  # it grows by a kilobyte a recording
    with pipeline.make_batches(
      'sync', record_sources=[source], batch_size=2, split=split, augment=False
    ) as batches:
      assert next(batches)['mouth'].shape == (2, constants.SYNC_FRAMES, *constants.MOUTH_SIZE, 3)
  with pytest.raises(InputError, match='no split'):
    builders.TfdsSource(again, 'night')


def test_nothing_to_prepare_from_is_said_plainly(tmp_path):
  with pytest.raises(InputError, match='raw_dir'):
    builders.Folder(data_dir=tmp_path).download_and_prepare()
