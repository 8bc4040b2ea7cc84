"""Registry of networks: name, as in configurations and releases, and size to a Linen module."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from seetalk_jax.errors import ConfigError

# Name -> (module in seetalk_jax.models, class). The module holds the class's SIZES table: size -> fields.
NETWORKS = {
  'speech_encoder': ('speech.speech_encoder', 'SpeechEncoder'),
  'face_encoder': ('face.face_encoder', 'FaceEncoder'),
  'conre': ('face.conre', 'ConReHead'),
  'autoencoder': ('portrait.autoencoder', 'AutoencoderKL'),
  'portrait_unet': ('portrait.portrait_unet', 'PortraitUNet'),
  'sample_adaptive_weighting': ('portrait.face_prior', 'SampleAdaptiveWeighting'),
  'motion_codec': ('motion.motion_codec', 'MotionCodec'),
  'motion_transformer': ('motion.motion_transformer', 'MotionTransformer'),
  'lip_refiner': ('motion.lip_refiner', 'LipRefiner'),
  'sync_expert': ('critics.sync_expert', 'SyncExpert'),
  'codebook': ('renderer.codebook', 'Codebook'),
  'code_transformer': ('renderer.code_transformer', 'CodeTransformer'),
  'hr_decoder': ('renderer.hr_decoder', 'HRDecoder'),
  'discriminator': ('critics.discriminator', 'PatchDiscriminator'),
  'codeformer': ('renderer.codeformer', 'CodeFormer'),
  'syncnet': ('critics.syncnet', 'SyncNet'),
  'perceptual': ('critics.perceptual', 'PerceptualTower'),
  'inception': ('critics.inception', 'InceptionV3'),
  'i3d': ('critics.i3d', 'InceptionI3D'),
}
# Networks that inference does not need: for training, and for measures.
TRAINING_ONLY = (
  'face_encoder',
  'conre',
  'sync_expert',
  'discriminator',
  'syncnet',
  'perceptual',
  'inception',
  'i3d',
)

# How the arrays are computed with is the caller's choice, not a property of a size or of weights.
_PRECISION = ('dtype', 'param_dtype')


def make(name: str, size: str = 'demo', **changes: Any) -> Any:
  """A network as a Linen module: `make('portrait_unet', 'demo', patch_size=2)`.

  Args:
    name: key of `NETWORKS`.
    size: key of the network's SIZES.
    changes: fields of the module that override those of its size. `dtype` is ignored by networks without one.

  Raises:
    ConfigError: unknown network, size or field.

  Example:
    >>> module = make('motion_transformer', 'tiny', num_layers=3)
    >>> type(module).__name__, module.num_layers
    ('MotionTransformer', 3)
  """
  return from_fields(name, fields_for(name, size) | changes)


def from_fields(name: str, fields: Mapping[str, Any]) -> Any:
  """A network as a Linen module, from its fields; `dtype` is left out where a network has none.

  Raises:
    ConfigError: unknown network or field.
  """
  cls = class_of(name)
  fields = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
  if not hasattr(cls, 'dtype'):
    fields.pop('dtype', None)
  allowed = {*fields_of(cls), *_PRECISION}
  for field in fields:
    if field not in allowed:
      raise ConfigError(f'field {field!r} is not one of network {name}: use one of {sorted(allowed)}')
  return cls(**fields)


def fields_for(name: str, size: str) -> dict[str, Any]:
  """All fields of a network of one size, a row of its SIZES.

  Raises:
    ConfigError: unknown network or size.
  """
  sizes = sizes_of(name)
  if size not in sizes:
    raise ConfigError(f'size {size!r} of {name} is unknown: use one of {", ".join(sizes)}')
  return dict(sizes[size])


def sizes_of(name: str) -> dict[str, dict[str, Any]]:
  """Size -> all fields of a network, but for its data types.

  Raises:
    ConfigError: unknown network.
  """
  return _load(name)[0].SIZES


def fields_of(cls: type) -> list[str]:
  """Names of a module class's constructor fields, in order, without its data types."""
  others = ('parent', 'name', *_PRECISION)
  return [field.name for field in dataclasses.fields(cls) if field.init and field.name not in others]


def class_of(name: str) -> type:
  """The module class of a network.

  Raises:
    ConfigError: unknown network.
  """
  return _load(name)[1]


def _load(name: str) -> tuple[Any, type]:
  if name not in NETWORKS:
    raise ConfigError(f'network {name!r} is unknown: use one of {", ".join(NETWORKS)}')
  file, class_name = NETWORKS[name]
  module = importlib.import_module(f'seetalk_jax.models.{file}')
  return module, getattr(module, class_name)
