"""Runner of an evaluation: the programs of `evaluate.py`, which are figures, a picture sheet, and experiments."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import ConfigError, InputError, PortraitError
from seetalk_jax.evaluation import generated, registry, report, sheet
from seetalk_jax.evaluation.experiments import figure3
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import frechet_features, sync
from seetalk_jax.evaluation.parts import recordings
from seetalk_jax.evaluation.probes import towers, worlds
from seetalk_jax.evaluation.tables import portrait_table, video_table
from seetalk_jax.evaluation.videos import run as video_run
from seetalk_jax.evaluation.videos import sources
from seetalk_jax.inference import pipeline
from seetalk_jax.media import face
from seetalk_jax.training import initial_weights


@dataclasses.dataclass(frozen=True)
class Options:
  """Flags of `evaluate.py`.

  Attributes:
    workdir: folder for results that are reused: renderings, readers, runs of an experiment.
    only: parts to measure; empty for all, ('none',) for none.
    json: file for the figures; '' for `workdir`/figures.json.
    sheet: PNG file for a picture sheet, which is then the only output; '' for none.
    speech_dir: folder of recordings to make videos of; '' for none.
    landmarker: MediaPipe's face_landmarker.task, for the part theval; '' for the one that the environment names.
    video_dir: folder of real talking videos for the part theval; '' for none.
  """

  workdir: str
  only: Sequence[str] = ()
  json: str = ''
  sheet: str = ''
  speech_dir: str = ''
  landmarker: str = ''
  video_dir: str = ''


def run(config, options: Options) -> int:
  """Runs the experiment of a configuration, or draws the sheet, or measures the figures.

  Returns:
    The exit status: 0, or 128 and the number of the signal that ended an experiment.

  Raises:
    InputError: a setting or a flag is wrong, or an output cannot be written.
  """
  if 'pred' in config:  # configs/eval.py
    return video_run.run(config, options.workdir, options.landmarker, options.json)
  if config.get('table'):  # configs/tables.py
    if config.kind == 'videos':
      return video_table.run_table(config, options.workdir, options.landmarker, options.json)
    return portrait_table.run_table(config, options.workdir, options.json)
  _check_outputs(options)
  _check_real_videos(config, options)
  if config.get('experiment'):
    return run_experiment(config, options)
  if options.sheet:
    return draw_sheet(config, options)
  return measure_figures(config, options)


def _check_outputs(options: Options) -> None:
  files.check_writable(os.path.join(options.workdir, 'figures.json'))
  for path in (options.json, options.sheet):
    if path and os.path.isdir(path):
      raise InputError(f'the output is a folder, {path}: give a file name')
    if path:
      files.check_writable(path)


def _check_real_videos(config, options: Options) -> None:
  """Refuses flags of the part theval in a run that does not measure it.

  Raises:
    InputError: such a flag is given.
  """
  if config.get('experiment'):
    reason = 'the configuration is an experiment'
  elif options.sheet:
    reason = '--sheet only draws a picture'
  elif options.only and 'theval' not in options.only:
    reason = '--only leaves it out'
  else:
    return
  for flag, value in (('--landmarker', options.landmarker), ('--video-dir', options.video_dir)):
    if value:
      raise InputError(f'{flag} is for the part theval, and {reason}: leave out {flag}, or measure theval')


def run_experiment(config, options: Options) -> int:
  """Runs the parts `options.only` of the experiment in configs/figure3.py and prints its table."""
  experiment = figure3.Figure3(config, options.workdir, worlds.MeasuredHumanWorld())
  print(experiment.run(options.only or figure3.PARTS))
  return 128 + experiment.interrupted if experiment.interrupted else 0


def draw_sheet(config, options: Options) -> int:
  """Writes the picture sheet `options.sheet` and prints its path."""

  def make_generator():
    return generated.PipelineGenerator(pipeline.load(config.checkpoint))

  world = worlds.MeasuredHumanWorld()
  sheet.write_sheet(options.sheet, EvaluationInputs(config, world, make_generator, options.workdir))
  print(options.sheet)
  return 0


def measure_figures(config, options: Options) -> int:
  """Measures the parts `options.only` and the recordings; prints the table and writes the figures as JSON."""
  start = time.monotonic()
  if 'retrieval' in options.only and not config.conre:
    raise InputError('the part retrieval needs both towers: set --config.conre=WORKDIR')

  @functools.cache
  def pipe():
    return pipeline.load(config.checkpoint)

  inputs = EvaluationInputs(
    config,
    worlds.MeasuredHumanWorld(),
    lambda: generated.PipelineGenerator(pipe()),
    options.workdir,
    _load_towers(config),
    _load_sync_judge(config),
    _find_landmarker(options),
    _real_videos(options.video_dir),
    _load_inception(config),
  )
  names = [name for name in options.only if name != 'none'] if options.only else registry.all_parts()
  figures = run_parts(inputs, names)
  if options.speech_dir:
    folder = os.path.join(options.workdir, 'recordings')
    figures += recordings.recording_figures(options.speech_dir, folder, pipe(), config.seed)
  print(report.table(figures))
  seconds = time.monotonic() - start
  path = options.json or os.path.join(options.workdir, 'figures.json')
  report.write_json(path, figures, report.about(config.checkpoint, seconds, config.to_dict()))
  missed = sum(figure.reached is False for figure in figures)
  print(f'{missed} targets missed; {seconds:.0f} s; figures in {path}', file=sys.stderr)
  return 0


def run_parts(inputs: EvaluationInputs, names: Sequence[str]) -> list[report.Figure]:
  """The figures of the parts `names`, in the order of the registry, whatever the order of `names`.

  Raises:
    ConfigError: an unknown part.
  """
  parts = registry.all_parts()
  unknown = [name for name in names if name not in parts]
  if unknown:
    raise ConfigError(f'unknown part {unknown[0]!r}, --only: use some of {", ".join(parts)}')
  figures = []
  for name, measure in parts.items():
    if name in names:
      start = time.monotonic()
      figures += measure(inputs)
      print(f'{name}: {time.monotonic() - start:.0f} s', file=sys.stderr)
  return figures


def _load_towers(config) -> towers.Towers | None:
  """The encoders of the run `config.conre`; None without a run."""
  if not config.conre:
    return None
  where = dict.fromkeys(('speech_encoder', 'face_encoder'), config.conre)
  networks = initial_weights.load_initial_weights(where).networks
  return towers.Towers(*(part for each in networks.values() for part in (each.module, each.params)))


def _load_sync_judge(config) -> sync.SyncJudge | None:
  """The judge of the part refinement: `config.sync_expert`, else `config.syncnet`; None without either."""
  judges = {name: config[name] for name in ('sync_expert', 'syncnet') if config.get(name)}
  if not judges:
    return None
  network = initial_weights.load_initial_weights(judges).networks[next(iter(judges))]
  return sync.SyncJudge(network.module, network.params)


def _load_inception(config) -> Callable[[np.ndarray], np.ndarray] | None:
  """Features of pictures by the network in `config.inception`; None without one.

  Raises:
    InputError: there is no such network, or it lacks weights.
  """
  if not config.get('inception'):
    return None
  network = initial_weights.load_initial_weights({'inception': config.inception}).networks['inception']
  if network.fresh:
    raise ConfigError('config.inception has no weights for some layers: convert the whole network')
  read = functools.partial(frechet_features.inception_features, network.module, network.params)
  return lambda pictures: np.concatenate(list(read([pictures])))


def _find_landmarker(options: Options) -> str | None:
  """The landmarker of the part theval; None without one, unless the options ask for that part.

  Raises:
    PortraitError: the part is asked for, and MediaPipe or the model is missing.
  """
  if options.only and 'theval' not in options.only:
    return None
  try:
    return face.landmarker_file(options.landmarker or None, can_be_aligned=False)
  except PortraitError as error:
    if options.only or options.landmarker or options.video_dir:
      raise
    print(f'theval is skipped: {error}', file=sys.stderr)
    return None


def _real_videos(folder: str) -> list[pathlib.Path]:
  """The videos in a folder, none for ''; each is opened, since an error after an hour of measuring would cost it.

  Raises:
    InputError: there is no such folder, it is empty, or one of its files is not a video.
  """
  return [video.path for video in sources.folder_videos(folder)] if folder else []
