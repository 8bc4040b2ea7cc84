"""Every network as a Linen module: `from seetalk_jax.models import PortraitUNet`. Loaded on first use."""

from __future__ import annotations

import importlib

from seetalk_jax.models.registry import NETWORKS

# class -> file. Lazy, so that importing one network does not import them all.
_HOMES = {
  **{class_name: file for file, class_name in NETWORKS.values()},
  'SpeechFeatures': 'speech_encoder',
  'FacePrior': 'face_prior',
}

__all__ = list(_HOMES)


def __getattr__(name: str):
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  value = getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
  globals()[name] = value
  return value


def __dir__():
  return sorted(set(globals()) | set(__all__))
