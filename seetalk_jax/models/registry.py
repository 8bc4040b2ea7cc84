"""Registry of networks: from a name, as in configurations and releases, to a module."""

from __future__ import annotations

import ast
import dataclasses
import importlib
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
}

_PRECISION = ('dtype', 'param_dtype')


def make(name: str, size: str = 'demo', **fields: Any) -> Any:
  """A network as a Linen module: `make('portrait_unet', 'demo', patch_size=4)`.

  Args:
    name: key of `NETWORKS`.
    size: key of the network's SIZES, with changed fields behind it where a configuration has them:
      'demo, patch_size=4'.
    fields: of the module, in the place of those of its size; `dtype` is left out where a network has none.

  Raises:
    ConfigError: unknown network, size or field; values in `size` that are not Python literals.
  """
  module, cls = _load(name)
  size, _, rest = size.partition(',')
  if size.strip() not in module.SIZES:
    raise ConfigError(f'size {size.strip()!r} of {name} is unknown: use one of {", ".join(module.SIZES)}')
  if not hasattr(cls, 'dtype'):
    fields.pop('dtype', None)
  fields = {**module.SIZES[size.strip()], **_parse_fields(name, size, rest), **fields}
  known = {*fields_of(cls), *_PRECISION}
  for field in fields:
    if field not in known:
      raise ConfigError(f'field {field!r} is not one of network {name}: use one of {sorted(known)}')
  return cls(**fields)


def sizes_of(name: str) -> dict[str, dict[str, Any]]:
  """Size -> all fields of a network, but for its data types.

  Raises:
    ConfigError: unknown network.
  """
  return _load(name)[0].SIZES


def fields_of(cls: type) -> list[str]:
  """Names of a module class's fields, in order, without its data types: a choice of the caller, not of the size."""
  not_sizes = ('parent', 'name', *_PRECISION)
  return [field.name for field in dataclasses.fields(cls) if field.init and field.name not in not_sizes]


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


def _parse_fields(name: str, size: str, text: str) -> dict[str, Any]:
  """'field=value, ...' as a dict."""
  try:
    call = ast.parse(f'dict({text.strip()})', mode='eval').body
    if not isinstance(call, ast.Call):
      raise ValueError('only field=value')
    changes = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    if call.args or any(keyword.arg is None for keyword in call.keywords):
      raise ValueError('only field=value')
  except (SyntaxError, ValueError, AttributeError) as e:
    spec = f'{size},{text}'
    raise ConfigError(
      f"model spec {spec!r} of {name} cannot be parsed: write 'SIZE, field=value, ...'"
    ) from e
  return changes
