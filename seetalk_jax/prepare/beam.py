"""Apache Beam pipeline of the preparation (extra `beam`): the same output bytes on many machines.

Raw recordings and the corpus are on a file system that all workers can access, such as a cluster file system
or a mounted bucket. Recordings, and then shards, are distributed to the workers. Finished work is staged in
the folder of the corpus, so a pipeline that is run again resumes.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from seetalk_jax.media import face
from seetalk_jax.prepare import recording, report, runner, staging
from seetalk_jax.prepare.layouts import Item


def prepare(
  raw_dir: str | os.PathLike,
  out_dir: str | os.PathLike,
  *,
  layout: str = 'folder',
  settings: recording.Settings = recording.Settings(),  # noqa: B008 (frozen)
  landmarker: str | os.PathLike,
  options: Sequence[str] = (),
  shard_records: int = runner.SHARD_RECORDS,
) -> report.Summary:
  """Prepares a folder of raw recordings as `runner.prepare`, with a Beam runner.

  Args:
    raw_dir: as in `runner.prepare`; accessible to every worker.
    out_dir: as in `runner.prepare`; accessible to every worker.
    layout: as in `runner.prepare`.
    settings: as in `runner.prepare`.
    landmarker: MediaPipe's `face_landmarker.task`, at a path that every worker can read.
    options: Beam options, such as `--runner=FlinkRunner`; the default is the direct runner.
    shard_records: as in `runner.prepare`.

  Raises:
    InputError: a folder or setting is invalid.
  """
  raw_dir, out_dir = pathlib.Path(raw_dir).absolute(), pathlib.Path(out_dir).absolute()
  landmarker = face.landmarker_file(landmarker, can_be_aligned=False)
  staged, finished = runner.begin(raw_dir, out_dir, layout, settings)
  if finished is not None:
    return finished
  with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
    prepared = (
      pipeline
      | 'recordings' >> beam.Create(staged.todo())
      | 'spread recordings' >> beam.Reshuffle()
      | 'prepare' >> beam.ParDo(_Prepare(raw_dir, staged, settings, landmarker))
      | 'all prepared' >> beam.combiners.Count.Globally()
    )
    _ = (
      prepared
      | 'plan' >> beam.FlatMap(_plan, staged, shard_records)
      | 'spread shards' >> beam.Reshuffle()
      | 'write' >> beam.Map(lambda shard: runner.write_shard(out_dir, staged, shard))
    )
  # Reached only if the pipeline succeeded: the report and the manifest mark the corpus as complete.
  summary = report.write(out_dir, staged, staged.entries(), settings, layout)
  staged.remove()
  return summary


class _Prepare(beam.DoFn):
  """Beam DoFn that prepares recordings; the landmarker is opened once per bundle."""

  def __init__(self, raw_dir: pathlib.Path, staged: staging.Staging, settings, landmarker: str):
    self._raw_dir, self._staged, self._settings = raw_dir, staged, settings
    self._landmarker, self._resources, self._read = landmarker, None, None

  def start_bundle(self):
    self._resources = contextlib.ExitStack()
    self._read = self._resources.enter_context(face.open_face_reader(self._landmarker))

  def process(self, item: Item) -> Iterator[str]:
    runner.prepare_one(self._raw_dir, item, self._settings, self._read, self._staged)
    yield item.file

  def finish_bundle(self):
    self._resources.close()
    self._resources = self._read = None


def _plan(_: int, staged: staging.Staging, shard_records: int) -> list[runner.Shard]:
  return runner.plan_shards(staged.items, staged.entries(), shard_records)
