"""Check of recordings before a run of all stages: every stage must find records that it can train on."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from seetalk_jax.constants import FPS
from seetalk_jax.data import clip_lengths, record_filter, sources, views
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.stages import base
from seetalk_jax.training import speakers_check, stage_data

_KINDS = ('real', 'faces', 'clips', 'talks')


def check(data_root: str | os.PathLike, stages: Mapping[str, object]) -> None:
  """Checks the corpora of all stages, so that a run does not end after hours.

  Args:
    data_root: folder that names of corpora are relative to.
    stages: stage -> its configuration.

  Raises:
    ConfigError: no corpus is named, or pictures of a corpus cannot be reduced to the size of a stage.
    InputError: a folder is not a corpus, has no train split, or its recordings are too small or too short for a stage,
      or of one speaker where it compares speakers.
  """
  for stage, config in stages.items():
    if not config.data.corpora:
      raise ConfigError(
        "no recordings, config.corpora=(): name the folders that 'seetalk prepare' made, "
        '--config.corpora="(\'corpus/hdtf\',)"'
      )
    records = _open(data_root, stage, config)
    _check_sizes(stage, config, records)
    _check_speakers(config, records)
    if stage == 'motion':
      _check_lengths(config, records)


def _open(data_root, stage: str, config) -> sources.ConcatenatedSource:
  folders = [pathlib.Path(data_root) / name for name in config.data.corpora]
  accepted = record_filter.RecordFilter(min_side=config.data.min_side)
  try:
    return sources.open_corpora(folders, _KINDS, 'train', accepted=accepted)
  except sources.MissingRecordsError as error:
    if accepted.accepts_all:
      raise
    sources.open_corpora(folders, _KINDS, 'train')  # raises if there are no records at all
    raise InputError(
      f'stage {stage} draws details, and no recording has {accepted}, {", ".join(map(str, folders))}: add larger '
      'recordings, or set --config.min_side=0, which makes blurred pictures'
    ) from error


def _check_sizes(stage: str, config, records: sources.ConcatenatedSource) -> None:
  side = config.options.get('image_size', 0)
  for source in records.sources:
    stored = source[0].size if side and source[0].frames else 0
    if stored and stored % side:
      raise ConfigError(
        f'stage {stage} needs pictures of {side} pixels, and {source!r} has {stored}: prepare the recordings with '
        f'--size {side} or a multiple, or use another variant of configs/all.py'
      )


def _check_speakers(config, records: sources.ConcatenatedSource) -> None:
  if base.uses(config).num_speakers > 1:  # the stages that compare speakers read this view
    kinds = views.find_view('portrait_speech').kinds
    own = sources.ConcatenatedSource([source for source in records.sources if source.kind in kinds])
    speakers_check.check(config, own, stage_data.accepted_records(config))


def _check_lengths(config, records: sources.ConcatenatedSource) -> None:
  from_frames = config.options.motion_source == 'frames'
  view = views.find_view('clip' if from_frames else 'speech_motion')
  needed = view.needed_frames(config.options.num_frames, ('style',))
  clips = clip_lengths.LongClips(records, needed)
  if not len(clips):
    raise InputError(
      f'stage motion needs clips of {needed / FPS:g} s, and the longest of {records!r} has {clips.longest / FPS:g} s: '
      'prepare longer recordings, or set --config.overrides.motion.options.num_frames to fewer frames'
    )
