"""TFDS builders that convert raw corpora to ArrayRecord, and the record source for training on them.

    from seetalk_jax.data.tfds import builders

    builder = builders.Hdtf(raw_dir='HDTF/videos', landmarker='face_landmarker.task', data_dir='data')
    builder.download_and_prepare()
    records = builders.TfdsSource(builder, 'train')
    batches = pipeline.make_batches('sync', record_sources=[records], batch_size=32)

Examples contain the same bytes as the corpora written by `seetalk prepare`. TensorFlow is not imported.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from seetalk_jax.data import prepared_clips, schema
from seetalk_jax.errors import InputError
from seetalk_jax.media import face, landmarker_model
from seetalk_jax.prepare import layouts, recording, report


class PreparedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Builder that prepares a folder of raw recordings; subclasses set the folder layout.

  The records of a clip are consecutive and in temporal order. `info.metadata['summary']` counts the kept,
  rejected and failed recordings; `info.metadata['report']` lists them with reasons.

  Attributes:
    LAYOUT: key of `layouts.LAYOUTS`.
  """

  VERSION = tfds.core.Version('2.0.0')
  SUPPORTED_VERSIONS = [tfds.core.Version('1.0.0')]  # for reading
  RELEASE_NOTES = {
    '2.0.0': f'Record schema {schema.SCHEMA_VERSION} (motion vectors), portrait crop {face.PORTRAIT_CROP.version}.',
    '1.0.0': 'Record schema 1, portrait crop 1.',
  }
  LAYOUT = 'folder'

  def __init__(
    self,
    *,
    raw_dir: str | os.PathLike | None = None,
    landmarker: str | os.PathLike | None = None,
    settings: recording.Settings = recording.Settings(),  # noqa: B008 (frozen)
    **kwargs: Any,
  ):
    """Creates the builder.

    Args:
      raw_dir: folder of raw recordings; needed to prepare, not to read.
      landmarker: MediaPipe's `face_landmarker.task`; needed to prepare, not to read.
      settings: settings of the preparation.
      **kwargs: arguments of the TFDS builder, such as `data_dir`.
    """
    self.raw_dir = None if raw_dir is None else pathlib.Path(raw_dir)
    self.landmarker, self.settings = landmarker, settings
    super().__init__(**{'file_format': 'array_record', **kwargs})

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'record': tfds.features.Tensor(shape=(None,), dtype=np.uint8),
      'speaker': tfds.features.Text(),
      'clip': tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description=f'Talking faces, about a second a record ({self.LAYOUT} layout). {self.__doc__}',
      features=tfds.features.FeaturesDict(features),
      disable_shuffling=True,  # the seconds of a clip stay together
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager) -> dict[str, Iterator]:
    del dl_manager
    if self.raw_dir is None:
      raise InputError(f'{self.name} is not prepared yet, {self.data_path}: give raw_dir, the raw recordings')
    items = layouts.find_items(self.raw_dir, self.LAYOUT)
    model = landmarker_model.find(self.landmarker)
    entries: list[dict] = []
    self.info.metadata.clear()
    splits = [split for split in layouts.SPLITS if any(item.split == split for item in items)]
    return {
      split: self._generate_examples([item for item in items if item.split == split], model, entries)
      for split in splits
    }

  def _generate_examples(self, items: Sequence[layouts.Item], model: str, entries: list[dict]) -> Iterator:
    number = 0
    with face.open_face_reader(model) as read:
      for item in items:
        outcome = recording.prepare_recording(self.raw_dir, item, self.settings, read)
        entries.append(outcome.entry)
        for data in outcome.records:
          yield number, example_of(data)
          number += 1
    self.info.metadata.update(report=entries, summary=report.summarise(entries).line)


class Folder(PreparedBuilder):
  """Recordings of one's own: one folder a speaker, or one file a speaker."""

  name = 'seetalk_folder'
  LAYOUT = 'folder'


class Hdtf(PreparedBuilder):
  """HDTF's clips as its lists cut them, named like WDA_BobMenendez_001.mp4."""

  name = 'seetalk_hdtf'
  LAYOUT = 'hdtf'


class Voxceleb2(PreparedBuilder):
  """VoxCeleb2's tree dev|test/mp4/IDENTITY/VIDEO/UTTERANCE.mp4; its test identities are the test split."""

  name = 'seetalk_voxceleb2'
  LAYOUT = 'voxceleb2'


class Avspeech(PreparedBuilder):
  """AVSpeech's segments, named VIDEO_START_END.mp4, in folders train and test as its lists have them."""

  name = 'seetalk_avspeech'
  LAYOUT = 'avspeech'


class TfdsSource:
  """Random-access source of the records of a prepared split: `len`, and `source[i]` -> ClipRecord.

  For `pipeline.make_batches(..., record_sources=[...])`.

  Attributes:
    split: name of the split.
    num_stored: number of records.
  """

  def __init__(self, builder: tfds.core.DatasetBuilder, split: str):
    """Opens a split.

    Raises:
      InputError: the builder has no such split.
    """
    if split not in builder.info.splits:
      held = ', '.join(builder.info.splits) or 'nothing'
      raise InputError(f'{builder.name} has no split {split!r}, only {held}: prepare it first')
    self._records = builder.as_data_source(split=split)
    self._name = f'{builder.name}:{split}'
    self.split, self.num_stored = split, len(self._records)
    # The report itself grows by a kilobyte a recording: it is not kept.
    report = (builder.info.metadata or {}).get('report', [])
    self._clips = prepared_clips.of_report(report, split, self.num_stored)

  def __len__(self) -> int:
    return len(self._records)

  def __getitem__(self, index: int) -> schema.ClipRecord:
    return schema.decode(self._records[index]['record'].tobytes())

  def prepared_clips(self) -> np.ndarray | None:
    """Lengths of all clips, int32 `[c, 2]`: (records, frames), in the order of the records; None if unknown."""
    return self._clips

  def __repr__(self) -> str:
    return f'TfdsSource({self._name}, {len(self)} records)'


def example_of(data: bytes) -> dict[str, Any]:
  """Converts an encoded record to a TFDS example."""
  record = schema.decode(data)
  return {
    'record': np.frombuffer(data, np.uint8),
    'speaker': str(record.speaker),
    'clip': str(record.clip),
  }
