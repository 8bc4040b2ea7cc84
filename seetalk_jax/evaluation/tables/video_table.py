"""Run of a table of videos: all methods by one protocol on one corpus, to the table, metrics.json and report.html."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Sequence

from seetalk_jax import files
from seetalk_jax.constants import FPS
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.evaluation import disk_cache
from seetalk_jax.evaluation.tables import layout
from seetalk_jax.evaluation.tables.methods import Method, methods_of
from seetalk_jax.evaluation.videos import catalogue, generation, records, report, run, sources, summary
from seetalk_jax.evaluation.videos.evaluation import COPY, REAL, SHUFFLED, VideoEvaluation
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.evaluation.videos.store import Store
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.pipeline import SeeTalk
from seetalk_jax.media import face, timeline


def run_table(config, workdir: str, landmarker: str, json_path: str = '') -> int:
  """Makes missing videos, measures all of them, prints the table and writes metrics.json and report.html.

  Args:
    config: a table of videos of configs/tables.py.
    workdir: folder for generated videos, finished measurements, metrics.json and report.html.
    landmarker: MediaPipe's face_landmarker.task; '' for the one that the environment names.
    json_path: file for the metrics; '' for `workdir`/metrics.json.

  Returns:
    The exit status 0.

  Raises:
    InputError: a setting is wrong, a row has no videos, or a video cannot be decoded.
  """
  start = time.monotonic()
  protocol, part = run.protocol_of(config), run.part_of(config.part)
  path, page = json_path or os.path.join(workdir, 'metrics.json'), os.path.join(workdir, 'report.html')
  for output in (path, page):
    files.check_writable(output)
  methods, measures = methods_of(config, (REAL, COPY, SHUFFLED)), measures_of(config.measures)
  real = real_videos(config, protocol.max_frames)
  landmarker = face.landmarker_file(landmarker or None, can_be_aligned=False)
  networks = Networks.load(dict(config.networks))
  videos, releases = _videos_of(methods, config, real, workdir, landmarker, protocol.max_frames)
  weights = {'face_landmarker': files.checksum(landmarker), **networks.checksums}
  store = Store(os.path.join(workdir, 'measured'), [protocol.described(), weights])
  own_sound = not config.other_sound
  with face.open_face_reader(landmarker) as read:
    evaluation = VideoEvaluation(protocol, read, store, networks)
    if part is not None:
      every = [video for each in videos.values() for video in each]
      evaluation.measure_part(every, real, *part, own_sound=own_sound)
      print(f'{store.computed} results computed, in {workdir}', file=sys.stderr)
      return 0
    rows = evaluation.rows_of(videos, real, own_sound=own_sound)
  missing = run.missing_measures(networks)
  cells = {name: summary.summarize(row) for name, row in rows.items()}
  best = layout.best_rows(cells, list(videos), measures, REAL)
  text = layout.table(cells, list(videos), measures, best, missing)
  print(text)
  about = {
    'table': {'name': config.table, 'measures': list(measures), 'best': best, 'markdown': text},
    'methods': {method.name: method.described() | releases.get(method.name, {}) for method in methods},
    'real': config.real,
    'seconds': round(time.monotonic() - start, 1),
  }
  contents = summary.contents(rows, protocol, missing, weights, about)
  summary.write_metrics(path, contents)
  first, *others = videos.items()
  overview = layout.html_table(cells, list(videos), measures, best)
  report.write_report(page, contents, first[1], real, dict(others), overview)
  print(f'{store.computed} results computed; metrics in {path}, report in {page}', file=sys.stderr)
  return 0


def measures_of(names: Sequence[str]) -> dict[str, catalogue.Measure]:
  """The measures of these names.

  Raises:
    ConfigError: the catalogue has no such measure.
  """
  for name in names:
    if name not in catalogue.ALL:
      raise ConfigError(f'config.measures has {name!r}, which is no measure: use {", ".join(catalogue.ALL)}')
  return {name: catalogue.ALL[name] for name in names}


def real_videos(config, max_frames: int | None) -> list:
  """The videos that a table is measured on: those of a folder, or the clips of a prepared corpus.

  Raises:
    InputError: there are none, or none is long enough.
  """
  if not config.real:
    raise InputError('nothing to measure on: set --config.real=DIR, a folder of videos or a prepared corpus')
  least, most = config.min_seconds, config.num_videos
  if records.is_corpus(config.real):
    options = {'min_seconds': least, 'num_videos': most}
    return records.record_videos(config.real, config.split, max_frames=max_frames, **options)
  videos = sources.folder_videos(config.real, max_frames)
  # A container's length may miss half a frame.
  long = [video for video in videos if timeline.probe(video.path).stated_seconds + 0.5 / FPS >= least]
  if not long:
    raise InputError(f'no video of {least:g} s or more, {config.real}: lower config.min_seconds')
  return long[:most] if most else long


def _videos_of(
  methods: Sequence[Method],
  config,
  real: list,
  workdir: str,
  landmarker: str,
  max_frames: int | None,
) -> tuple[dict[str, list[sources.VideoFile]], dict[str, dict[str, object]]]:
  """The videos of every method, and what made those that are generated here.

  Raises:
    InputError: a method has none.
  """
  folders = {
    method: sources.folder_videos(method.place, max_frames) for method in methods if not method.is_release
  }
  driven = sources.shuffled_sound(real) if config.other_sound else real
  if not driven:
    raise InputError(f'one video has no other sound, {config.real}: give two or more')
  videos, made_by, pipe, loaded = {}, {}, None, None
  with contextlib.ExitStack() as stack:
    find_face = None
    for method in methods:
      if method in folders:
        videos[method.name] = folders[method]
        continue
      if find_face is None:
        find_face = stack.enter_context(generation.face_finder(landmarker))
      if pipe is None or loaded != (method.place, method.settings.without):
        release = LoadedRelease.load(method.place)
        pipe, loaded = (
          SeeTalk(release.without(*method.settings.without)),
          (method.place, method.settings.without),
        )
      record = pipe.release.record(config.seed)
      key = [record, max_frames, method.settings.described(), config.other_sound]
      folder = pathlib.Path(workdir) / f'generated-{disk_cache.digest(key)}'
      print(f'{method.name}: {folder}', file=sys.stderr)
      made = generation.generate(
        driven, pipe, find_face, folder, config.seed, max_frames, method.settings.options()
      )
      if not made:
        raise InputError(f'no video of {config.real} has a face in its first frame and sound: give others')
      videos[method.name], made_by[method.name] = made, {'generated_by': record}
  return videos, made_by
