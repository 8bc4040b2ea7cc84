"""Export of a training run: the newest result of every stage, merged over an earlier release if given."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from seetalk_jax.constants import CHECKPOINTS_FOLDER, CONFIG_FILE, STAGES
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import flat_statistics, provenance, storage
from seetalk_jax.training import dependencies, initial_weights, run_sources


@dataclasses.dataclass
class Collected:
  """Contents of a release; see `storage.save_release`.

  Attributes:
    networks: name -> (module, parameters, collections).
    statistics: owner -> {name: number or array}.
    notes: network name -> its licence, origin, stage and steps, as far as known.
    stages: stage -> its steps and configuration, including those of the earlier release.
    sampling: default options of the samplers.
    trained: stages of the run, in the order of training.
    warnings: one line for each thing that the user should check, such as an unknown licence.
  """

  networks: dict[str, tuple] = dataclasses.field(default_factory=dict)
  statistics: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
  notes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
  stages: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
  sampling: dict[str, float] = dataclasses.field(default_factory=dict)
  trained: list[str] = dataclasses.field(default_factory=list)
  warnings: list[str] = dataclasses.field(default_factory=list)


def collect(
  workdir: pathlib.Path,
  *,
  base: str | None = None,
  leave_out: Collection[str] = (),
  licence: str | None = None,
  origin: str | None = None,
) -> Collected:
  """Merges the EMA weights and statistics of a run; if two stages train one network, the later stage counts, and of
  the phases of a stage the last one.

  Args:
    workdir: folder of one stage, or of configs/all.py (a folder per stage).
    base: folder or name of a release that provides networks and statistics that the run did not train.
    leave_out: networks of the run that are left out of the release.
    licence: licence of the weights that the run trained; None: follows from what they were made of, see
      `releases.provenance`.
    origin: training data of these weights, in a few words; None: as the run has recorded them. The origin of initial
      weights stays in front of it.

  Raises:
    CheckpointError: `workdir` is not a training run or has no result, or `base` is not a release.
  """
  loaded = [(path, initial_weights.load_trained_stage(path)) for path in stage_directories(workdir)]
  # The first phases of a stage, in STAGE_1, STAGE_2 and so on, come before it.
  results = [
    each for path, each in sorted(loaded, key=lambda pair: _order(pair[1].config['stage'], pair[0].name))
  ]
  merged = Collected() if base is None else _of_release(base)
  earlier = {name: params for name, (_, params, _) in merged.networks.items()}
  for result in results:
    stage, steps = result.config['stage'], int(result.step)
    for name, module in result.modules().items():
      if name not in leave_out:
        merged.networks[name] = (module, result.params[name], result.collections.get(name, {}))
        notes = result.notes(name, origin)
        merged.warnings += _licence_warnings(name, result, licence)
        notes |= {'licence': licence or notes['licence'], 'stage': stage, 'steps': steps}
        merged.notes[name] = notes
    merged.statistics |= {
      owner: values
      for owner, values in result.statistics.items()
      # A network keeps the statistics of its own training, not a copy that another run has read.
      if owner in result.networks or owner not in merged.networks
    }
    merged.trained.append(stage)
    merged.stages[stage] = {'steps': steps, 'config': _without_paths(result.config)}
  if not merged.networks and not merged.statistics:
    raise CheckpointError(f'nothing to export, {workdir}: train a stage first')
  trained = {name for result in results for name in result.networks if name not in leave_out}
  if base is not None:
    new = {name: merged.networks[name][1] for name in trained}
    merged.warnings += dependencies.warnings(earlier, new, str(base))
  unknown = [name for name in sorted(trained) if provenance.UNKNOWN in merged.notes[name]['licence']]
  if unknown and not licence:
    merged.warnings.append(f'the licence of {", ".join(unknown)} is unknown: state it with --licence')
  return merged


def _order(stage: str, folder: str) -> tuple[int, bool, str]:
  """Sort key of a stage in a folder, in the order of training."""
  return STAGES.index(stage), folder == stage, folder


def _licence_warnings(name: str, result: initial_weights.TrainedStage, licence: str | None) -> list[str]:
  """Warnings about a stated licence that is not that of the network's initial weights."""
  starts = [s for s in result.sources or () if (s.kind, s.name) == (run_sources.START, name)]
  return [
    f'{name} is stated as {licence}, but it started from weights that are {start.licence} ({start.origin}): check '
    'that their licence permits it'
    for start in starts
    if licence and start.licence not in (licence, provenance.APACHE, provenance.UNKNOWN)
  ]


def stage_directories(workdir: pathlib.Path) -> list[pathlib.Path]:
  """The folders of a run with one stage each: `workdir` itself, or its subfolders.

  Raises:
    CheckpointError: `workdir` is not a training run.
  """
  if not workdir.is_dir():
    raise CheckpointError(f'no such training run, {workdir}: give a --workdir of train.py')
  if (workdir / CONFIG_FILE).is_file() and (workdir / CHECKPOINTS_FOLDER).is_dir():
    return [workdir]
  directories = sorted(
    path
    for path in workdir.iterdir()
    if (path / CONFIG_FILE).is_file() and any((path / CHECKPOINTS_FOLDER).glob('*'))  # at least started
  )
  if not directories:
    raise CheckpointError(f'no trained stage, {workdir}: give a --workdir of train.py')
  return directories


def _of_release(base: str) -> Collected:
  release = storage.load_networks(base)
  return Collected(
    networks={
      name: (module, release.params[name], release.collections.get(name, {}))
      for name, module in release.modules.items()
    },
    statistics=flat_statistics.by_owner(release.statistics),
    notes={name: provenance.notes_of(release.info['networks'][name]) for name in release.modules},
    stages=dict(release.info['provenance'].get('stages', {})),
    sampling=dict(release.info['sampling']),
  )


def _without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
  """A run's configuration without local paths: no `data_root`, and folder names alone in `init`."""
  kept = {key: value for key, value in config.items() if key != 'data_root'}
  kept['init'] = {name: pathlib.Path(place).name for name, place in config.get('init', {}).items()}
  return kept
