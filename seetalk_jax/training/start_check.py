"""Check of the releases that a run of all stages starts from: their networks must have the configured sizes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seetalk_jax.constants import ONE_PERSON, RECORDING_VARIANTS
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec, storage
from seetalk_jax.stages import base

# Size of the networks -> variant of configs/all.py, for recordings and for rendered corpora.
VARIANTS = {
  True: {size: variant for variant, size in RECORDING_VARIANTS.items() if variant != ONE_PERSON},
  False: {'tiny': 'tiny', 'demo': 'demo'},
}
# How a network is computed, and not what it is.
_COMPUTATION = ('remat', 'scan')
# (network, field that sets the width of its output) -> networks with a field of the same name that must equal it.
_WIDTHS = {
  ('speech_encoder', 'token_dim'): ('motion_transformer', 'lip_refiner'),
  ('speech_encoder', 'embedding_dim'): ('face_encoder',),
  ('motion_codec', 'motion_dim'): ('motion_transformer', 'lip_refiner'),
  ('autoencoder', 'latent_channels'): ('portrait_unet',),
  ('codebook', 'num_codes'): ('code_transformer',),
}
# Networks whose outputs set the shapes of parameters of others.
_PROVIDERS = ('speech_encoder', 'autoencoder', 'motion_codec', 'codebook')


class _Start(NamedTuple):
  """A network that starts from a release: the release, its entry in seetalk.json, and the module."""

  release: str
  entry: Mapping[str, Any]
  module: Any


def check(
  sources: Mapping[str, str], stages: Mapping[str, Any], trained: Iterable[str], variants: Mapping[str, str]
) -> None:
  """Checks the networks of releases before a run, so that it does not end after hours.

  Networks that were converted from public weights keep their own sizes; only what they pass on must fit.

  Args:
    sources: network -> the release that it starts from.
    stages: stage -> its configuration, of all stages; they describe the networks.
    trained: the stages of the run.
    variants: size of networks -> a variant of configs/all.py with that size, for the advice.

  Raises:
    ConfigError: a network of a release has another size than the configuration asks for, or than other networks of
      the run need.
    CheckpointError: a release cannot be read, or its parameters do not fit the other networks of the run.
  """
  used = {name for stage in trained for name in base.uses(stages[stage]).names}
  starts = {
    name: _read(name, where) for name, where in sources.items() if name in used & {*registry.NETWORKS}
  }
  described: dict[str, Any] = {}  # the first stage of the run that trains a network describes it
  for stage in dict.fromkeys((*trained, *stages)):
    for name, fields in stages[stage].model.items():
      described.setdefault(name, fields)
  own = {
    name: registry.from_fields(name, dict(fields))
    for name, fields in described.items()
    if name in used and name not in starts
  }
  for name, start in starts.items():
    if name in described and not _is_converted(start.release):
      wanted = registry.from_fields(name, dict(described[name]))
      field = next((f for f in size_fields(name) if getattr(start.module, f) != getattr(wanted, f)), None)
      if field is not None:
        there, here = getattr(start.module, field), getattr(wanted, field)
        raise ConfigError(
          f'{start.release} of config.start has networks of another size: {field} of {name} is {there} there and '
          f'{here} here{_picture_sizes(start.release, stages)}: {_advice(name, start.release, starts, variants)}'
        )
  _check_widths(starts, {**own, **{name: start.module for name, start in starts.items()}})


def _read(name: str, where: str) -> _Start:
  directory, info = storage.read_info(where)
  entry = info['networks'][name]
  return _Start(where, entry, network_spec.build(name, entry, str(directory)))


def _is_converted(where: str) -> bool:
  return 'converted' in storage.read_info(where)[1].get('provenance', {})


def size_fields(name: str) -> list[str]:
  """The fields of a network that differ between its sizes, but for those of how it is computed."""
  rows = list(registry.sizes_of(name).values())
  return [
    field
    for field in rows[0]
    if field not in _COMPUTATION and len({json.dumps(row.get(field)) for row in rows}) > 1
  ]


def _picture_sizes(release: str, stages) -> str:
  """', pictures have A pixels there and B here', as far as both are known and differ."""
  trained = storage.read_info(release)[1].get('provenance', {}).get('stages', {})
  there = {_image_size(stage.get('config', {}).get('options', {})) for stage in trained.values()} - {0}
  here = {_image_size(config.options) for config in stages.values()} - {0}
  if len(there) != 1 or len(here) != 1 or there == here:
    return ''
  return f', pictures have {there.pop()} pixels there and {here.pop()} here'


def _image_size(options: Mapping[str, Any]) -> int:
  return options.get('image_size') or 0


def _advice(name: str, release: str, starts: Mapping[str, _Start], variants: Mapping[str, str]) -> str:
  own = {other: start.module for other, start in starts.items() if start.release == release}
  for size, variant in variants.items():
    if all(_has_size(module, other, size) for other, module in own.items()):
      return f'use configs/all.py:{variant}, or leave {release} out'
  return f'give {name} these fields in config.overrides.STAGE.model, or leave {release} out'


def _has_size(module: Any, name: str, size: str) -> bool:
  row = registry.sizes_of(name).get(size, {})
  return bool(row) and all(
    getattr(module, field) == row[field] for field in size_fields(name) if field in row
  )


def _check_widths(starts: Mapping[str, _Start], modules: Mapping[str, Any]) -> None:
  """Checks that networks of releases fit those that they exchange features with."""
  for (name, field), others in _WIDTHS.items():
    for other in others:
      if not {name, other} & starts.keys() or not {name, other} <= modules.keys():
        continue
      given, needed = getattr(modules[name], field), getattr(modules[other], field)
      if given != needed:
        raise ConfigError(
          f'config.start: {field} of {name}{_from(starts, name)} is {given}, and {other}{_from(starts, other)} has '
          f'{needed}: give both the same in config.overrides.STAGE.model, or leave a release out'
        )
  for name, start in starts.items():
    same = all(starts[other].release == start.release for other in _PROVIDERS if other in starts)
    if same and all(other in starts for other in _PROVIDERS if other in modules):
      continue  # the release was written with these networks
    network_spec.compare_shapes(
      storage.shapes(start.release, name),
      network_spec.shapes_of(start.module, modules),
      where=start.release,
      expected=f'{name} beside the other networks of this run',
      advice='change those, or leave the release out of config.start',
      may_lack=start.entry.get('fresh', ()),
    )


def _from(starts: Mapping[str, _Start], name: str) -> str:
  return f' of {starts[name].release}' if name in starts else ''
