"""Run of a video evaluation: from folders to the table, metrics.json and report.html."""

from __future__ import annotations

import os
import re
import sys
import time

from seetalk_jax import files
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.evaluation import disk_cache
from seetalk_jax.evaluation.videos import catalogue, generation, report, sources, summary
from seetalk_jax.evaluation.videos.evaluation import VideoEvaluation
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.evaluation.videos.picture_values import Flicker
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.store import Store
from seetalk_jax.inference import pipeline
from seetalk_jax.media import face


def run(config, workdir: str, landmarker: str, json_path: str = '') -> int:
  """Measures the folders of a configuration, prints the table and writes metrics.json and report.html.

  Args:
    config: as in configs/eval.py.
    workdir: folder for finished measurements, metrics.json and report.html.
    landmarker: MediaPipe's face_landmarker.task; '' for the one that the environment names.
    json_path: file for the metrics; '' for `workdir`/metrics.json.

  Returns:
    The exit status 0.

  Raises:
    InputError: a setting is wrong, a folder has no videos, or a video cannot be decoded.
  """
  start = time.monotonic()
  protocol = protocol_of(config)
  path = json_path or os.path.join(workdir, 'metrics.json')
  page = os.path.join(workdir, 'report.html')
  for output in (path, page):
    files.check_writable(output)
  part = part_of(config.part)
  real = sources.folder_videos(config.real, protocol.max_frames) if config.real else []
  landmarker = face.landmarker_file(landmarker or None, can_be_aligned=False)
  networks = Networks.load(dict(config.networks))
  pred, release = _generated(config, protocol, real, workdir, landmarker)
  _check_pairs(pred, real, config)
  weights = {'face_landmarker': files.checksum(landmarker), **networks.checksums}
  store = Store(os.path.join(workdir, 'measured'), [protocol.described(), weights])
  with face.open_face_reader(landmarker) as read:
    evaluation = VideoEvaluation(protocol, read, store, networks)
    if part is not None:
      evaluation.measure_part(pred, real, *part)
      print(f'{store.computed} results computed, in {workdir}', file=sys.stderr)
      return 0
    rows = evaluation.rows(pred, real)
  missing = missing_measures(networks)
  print(summary.table(rows, missing))
  about = {'pred': config.pred, 'real': config.real, **release}
  about['seconds'] = round(time.monotonic() - start, 1)
  contents = summary.contents(rows, protocol, missing, weights, about)
  summary.write_metrics(path, contents)
  report.write_report(page, contents, pred, real)
  print(f'{store.computed} results computed; metrics in {path}, report in {page}', file=sys.stderr)
  return 0


def _generated(
  config, protocol: Protocol, real: list[sources.VideoFile], workdir: str, landmarker: str
) -> tuple[list[sources.VideoFile], dict[str, object]]:
  """The videos to evaluate, and what made them if they are generated here.

  Raises:
    InputError: neither or both of config.pred and config.checkpoint are set, or there is nothing to generate from.
  """
  if bool(config.pred) == bool(config.checkpoint):
    raise InputError(
      'set one of --config.pred=DIR, a folder of videos, and --config.checkpoint, which makes them'
    )
  if config.pred:
    return sources.folder_videos(config.pred, protocol.max_frames), {}
  if not real:
    raise InputError('no videos to generate counterparts of: set --config.real=DIR')
  pipe = pipeline.load(config.checkpoint)
  record = pipe.release.record(config.seed)
  settings = [record, protocol.max_seconds]
  folder = os.path.join(workdir, f'generated-{disk_cache.digest(settings)}')
  with generation.face_finder(landmarker) as find_face:
    made = generation.generate(real, pipe, find_face, folder, config.seed, protocol.max_frames)
  if not made:
    raise InputError(f'no video of {config.real} has a face in its first frame and sound: give others')
  return made, {'generated_by': record}


def part_of(text: str) -> tuple[int, int] | None:
  """Index from 0 and number of parts of 'I/N'; None for ''.

  Raises:
    ConfigError: another text, or I out of range.
  """
  if not text:
    return None
  match = re.fullmatch(r'(\d+)/(\d+)', text)
  if not match or not 1 <= int(match[1]) <= int(match[2]):
    raise ConfigError(f'config.part must be I/N with I from 1 to N, got {text!r}')
  return int(match[1]) - 1, int(match[2])


def protocol_of(config) -> Protocol:
  """The protocol of a configuration.

  Raises:
    ConfigError: a setting is out of range.
  """
  settings = dict(config.protocol)
  settings['drift_seconds'] = tuple(float(each) for each in settings['drift_seconds'])
  try:
    return Protocol(**settings)
  except ValueError as error:
    raise ConfigError(f'config.protocol: {error}') from error


def missing_measures(networks: Networks) -> dict[str, str]:
  """Measure -> why it is not computed, for the measures whose network or package is not there."""
  missing = (
    {} if Flicker.available() else {'flicker': 'not computed: OpenCV not found, run `pip install mediapipe`'}
  )
  return missing | {
    name: f'not computed: weights for {measure.network} not found, run `seetalk convert '
    f'{catalogue.CONVERTERS[measure.network]} ...` and set `--config.networks.{measure.network}=DIR`'
    for name, measure in catalogue.ALL.items()
    if measure.network and measure.network not in networks
  }


def _check_pairs(pred, real, config) -> None:
  names = {video.name for video in real}
  if real and not any(video.name in names for video in pred):
    print(
      f'no generated video has the name of one of {config.real}: measures of pairs are left out',
      file=sys.stderr,
    )
