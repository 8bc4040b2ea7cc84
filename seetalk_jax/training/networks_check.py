"""Networks of a run of all stages: the place that each comes from, and a check before the first stage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seetalk_jax.constants import STAGES
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.releases import storage
from seetalk_jax.stages import base
from seetalk_jax.training import initial_weights


def check_stages(names: Sequence[str]) -> None:
  """Checks `config.stages`: names of stages, in the order of training.

  Raises:
    ConfigError: they are not.
  """
  if not names or list(names) != [stage for stage in STAGES if stage in names]:
    raise ConfigError(
      f'config.stages={tuple(names)} are not stages in the order of training: use some of {", ".join(STAGES)}'
    )


def check(stages: Mapping[str, Any], names: Sequence[str], releases: Sequence[str]) -> None:
  """Checks that every stage of a run finds the networks that it reads, so that the run does not end after hours.

  They must come from an earlier stage, from `config.init` of the stage, or from a release that holds all of their
  parameters.

  Args:
    stages: stage -> its configuration, of all stages.
    names: the stages of the run, in order.
    releases: of `config.start`.

  Raises:
    ConfigError: a network is missing, or has parameters that no stage has trained.
    CheckpointError: a release cannot be read.
  """
  starts, trained = of_releases(releases), {}
  for stage in names:
    own = with_places(stages[stage], {**starts, **trained})
    used = base.uses(own)
    for name in used.frozen:
      place = stages[stage].init.get(name) or ('' if name in trained else starts.get(name, ''))
      if not place and name not in trained:
        raise missing(stage, stages[stage], name, names, releases)
      _check_finished(stage, stages, name, place)
    trained |= dict.fromkeys((*used.trained, stage), stage)


def check_windows(stages: Mapping[str, Any], names: Sequence[str]) -> None:
  """Checks that the lip refiner samples no longer tracks than the windows of the run's motion transformer.

  Args:
    stages, names: see `check`.

  Raises:
    ConfigError: they are longer.
  """
  if not {'motion', 'lip_refiner'} <= {*names}:
    return
  config = stages['lip_refiner']
  refiner = base.build_stage(config, dict.fromkeys(base.uses(config).frozen))
  window = stages['motion'].options.num_frames
  refiner.check_statistics({'motion_transformer': {'motion_window': window}})


def of_releases(releases: Iterable[str]) -> dict[str, str]:
  """Network -> the first of the releases that holds it.

  The lip refiner is left out: its subspace is that of the motion codec it was trained with, and the codec of the run
  is another one.

  Args:
    releases: of `config.start`.

  Raises:
    CheckpointError: a release cannot be read.
  """
  found: dict[str, str] = {}
  for release in releases:
    networks = storage.read_info(release)[1]['networks']
    statistics = ['face_prior'] if 'portrait_unet' in networks else []  # of the UNet
    for name in (*networks, *statistics):
      found.setdefault(name, release)
  found.pop('lip_refiner', None)
  return found


def with_places(config, places: Mapping[str, str]):
  """A copy of a stage's configuration whose empty entries of `config.init` are those of `places`.

  Which networks a stage uses depends on these entries: see `base.uses`.
  """
  config = config.copy_and_resolve_references()
  for name, place in config.init.items():
    config.init[name] = place or places.get(name, '')
  return config


def base_release(stages: Mapping[str, Any], names: Sequence[str], releases: Sequence[str]) -> str:
  """The release with networks that generation needs and no stage of the run trains; '' if there is none.

  Args:
    stages, names, releases: see `check`.

  Raises:
    ConfigError: several releases have such networks.
  """
  starts = of_releases(releases)
  trained = {stage: set(base.uses(with_places(config, starts)).trained) for stage, config in stages.items()}
  needed = set().union(*trained.values()) - {*registry.TRAINING_ONLY}
  needed -= set().union(*(trained[stage] for stage in names))
  kept = {where for name, where in starts.items() if name in needed}
  if len(kept) > 1:
    raise ConfigError(
      f'no stage of config.stages={tuple(names)} trains some networks of {" and ".join(sorted(kept))}, and a release '
      'is made of one of them: leave one out of config.start, or add the stages that train its networks'
    )
  return kept.pop() if kept else ''


def missing(stage: str, config, name: str, names: Sequence[str], releases: Sequence[str]) -> ConfigError:
  """The error of a stage that finds no weights of a network that it reads.

  Args:
    config: of the stage.
    name: the network.
    names, releases: see `check`.
  """
  switch = _switch(config, name)
  return ConfigError(
    f'stage {stage} needs {name}, which no earlier one of config.stages={tuple(names)} gives, and no release of '
    f'config.start={tuple(releases)}: add a stage that trains it, or a release that holds it'
    + (f', or set --config.overrides.{stage}.options.{switch}=0' if switch else '')
  )


def _check_finished(stage: str, stages: Mapping[str, Any], name: str, place: str) -> None:
  """Checks that a network that a stage reads has all parameters, if it comes from a release."""
  if not place or not storage.is_release(place):
    return
  networks = storage.read_info(place)[1]['networks']
  if name not in networks:
    raise ConfigError(
      f'{place} has no {name}, it holds {", ".join(networks)}: change config.overrides.{stage}.init.{name}'
    )
  if fresh := initial_weights.fresh_parts(place, name):
    trainers = [other for other, config in stages.items() if name in base.uses(config).trained]
    raise ConfigError(
      f'stage {stage} reads {name} of {place}, which is converted and whose {", ".join(fresh)} are not trained yet: '
      f'add {" or ".join(trainers) or "a stage that trains it"} to config.stages, before {stage}'
    )


def _switch(config, name: str) -> str:
  """The option, a weight or a rate above 0, without which the stage would not need a network; '' if there is none."""
  for option, value in config.options.items():
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
      without = config.copy_and_resolve_references()
      without.options[option] = type(value)(0)
      with contextlib.suppress(ConfigError):  # another option needs this one
        if name not in base.uses(without).frozen:
          return option
  return ''
