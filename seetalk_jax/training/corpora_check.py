"""Check of recordings before a run of all stages: every stage must find records that it can train on."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from seetalk_jax.constants import FPS
from seetalk_jax.data import clip_lengths, pipeline, record_filter, sources, views
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.training import speakers_check, stage_data

# What else than longer recordings helps where all clips are too short, by stage.
_SHORTER = {
  'motion': ', or leave lip_refiner out of config.stages and set --config.overrides.motion.options.num_frames to fewer '
  'frames',
  'lip_refiner': ', or leave it out of config.stages',
}


def check(data_root: str | os.PathLike, stages: Mapping[str, object]) -> None:
  """Checks the corpora of all stages, so that a run does not end after hours.

  Only records of the kinds that a stage reads count. The validation split is checked where a stage keeps its best
  checkpoint; without one, a stage goes on without held-out metrics.

  Args:
    data_root: folder that names of corpora are relative to.
    stages: stage -> its configuration.

  Raises:
    ConfigError: no corpus is named, pictures of a corpus cannot be reduced to the size of a stage, or a corpus with a
      sampling weight has no records for a stage.
    InputError: a folder is not a corpus, has no records of a split that a stage reads, or they are too small or too
      short for it, or of one speaker where it compares speakers.
  """
  for stage, config in stages.items():
    if not config.data.corpora:
      raise ConfigError(
        "no recordings, config.corpora=(): name the folders that 'seetalk prepare' made, "
        '--config.corpora="(\'corpus/hdtf\',)"'
      )
    view, options = stage_data.view_of(config)
    accepted = stage_data.accepted_records(config)
    for split in ('train', 'validation') if config.keep_best.metric else ('train',):
      records = _open(data_root, config, view, split)
      _check_sizes(stage, view.frame_size(options.get('image_size')), records)
      _check_elements(config, view, options, records, split)
    speakers_check.check(config, _open(data_root, config, view, 'train'), accepted)


def readable_weights(data_root: str | os.PathLike, config) -> tuple[float, ...]:
  """The sampling weights of a stage, with 0 for corpora without records that it reads, unless that leaves none.

  Args:
    data_root: folder that names of corpora are relative to.
    config: of the stage, with a weight for each corpus.
  """
  weights = tuple(config.data.weights)
  if len(weights) != len(config.data.corpora):  # `check` says so
    return weights
  found = [_is_readable(data_root, config, name) for name in config.data.corpora]
  readable = tuple(weight if is_readable else 0.0 for weight, is_readable in zip(weights, found, strict=True))
  return readable if any(readable) else weights


def _is_readable(data_root, config, corpus: str) -> bool:
  """Whether a stage finds any record in one of its corpora."""
  view, options = stage_data.view_of(config)
  accepted = stage_data.accepted_records(config)
  try:
    records = sources.open_corpora(pathlib.Path(data_root) / corpus, view.kinds, 'train', accepted=accepted)
    pipeline.Elements(view.name, records, seed=0, accepted=accepted, **options).check_filter()
  except sources.MissingRecordsError:
    return False
  return True


def _open(data_root, config, view: type[views.View], split: str) -> sources.ConcatenatedSource:
  folders = [pathlib.Path(data_root) / name for name in config.data.corpora]
  accepted = stage_data.accepted_records(config)
  try:
    return sources.open_corpora(folders, view.kinds, split, accepted=accepted)
  except sources.MissingRecordsError as error:
    try:
      sources.open_corpora(folders, view.kinds, split)
    except sources.MissingRecordsError as missing:  # there are no records at all
      raise InputError(f'stage {config.stage}: {missing}') from error
    raise _none_accepted(config, accepted) from error


def _none_accepted(config, accepted: record_filter.RecordFilter) -> InputError:
  where = ', '.join(config.data.corpora)
  changes = ['--config.min_side=0, which makes blurred pictures'] if accepted.min_side else []
  changes += [f'--config.overrides.{config.stage}.data.max_outside=1'] if accepted.max_outside < 1 else []
  return InputError(
    f'stage {config.stage} draws details, and no recording has {accepted}, {where}: add larger recordings, or set '
    + ' or '.join(changes)
  )


def _check_sizes(stage: str, side: int | None, records: sources.ConcatenatedSource) -> None:
  for source in records.sources:
    stored = source[0].size if side and source[0].frames else 0
    if stored and stored % side:
      raise ConfigError(
        f'stage {stage} needs pictures of {side} pixels, and {source!r} has {stored}: prepare the recordings with '
        f'--size {side} or a multiple, or use another variant of configs/all.py'
      )


def _check_elements(config, view, options, records: sources.ConcatenatedSource, split: str) -> None:
  """Makes the elements of the stage, as training does: lengths of clips, sampling weights, and the filter."""
  accepted = stage_data.accepted_records(config)
  weights = tuple(config.data.weights) if split == 'train' else ()
  try:
    elements = pipeline.Elements(
      view.name, records, seed=stage_data.data_seed(config), weights=weights, accepted=accepted, **options
    )
  except sources.MissingRecordsError as error:
    raise _too_short(config.stage, view, options, records) from error
  except InputError as error:
    raise ConfigError(f'stage {config.stage}, config.data.weights: {error}') from error
  try:
    elements.check_filter()
  except sources.MissingRecordsError as error:
    raise _none_accepted(config, accepted) from error


def _too_short(stage: str, view, options, records: sources.ConcatenatedSource) -> InputError:
  needed = view.needed_frames(options.get('num_frames'), options.get('conditions', ()))
  longest = clip_lengths.LongClips(records, needed).longest
  return InputError(
    f'stage {stage} needs clips of {needed / FPS:g} s, and the longest of {records!r} has {longest / FPS:g} s: prepare '
    f'longer recordings{_SHORTER.get(stage, "")}'
  )
