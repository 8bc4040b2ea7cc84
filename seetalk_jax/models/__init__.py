"""Every network as a Linen module: `from seetalk_jax.models import PortraitUNet`. Loaded on first use."""

from __future__ import annotations

import importlib

# class -> module of this package. Lazy, so that importing one network does not import them all.
_HOMES = {
  'SpeechEncoder': 'speech_encoder',
  'SpeechFeatures': 'speech_encoder',
  'FaceEncoder': 'face_encoder',
  'ConReHead': 'conre',
  'AutoencoderKL': 'autoencoder',
  'PortraitUNet': 'portrait_unet',
  'SampleAdaptiveWeighting': 'face_prior',
  'FacePrior': 'face_prior',
  'MotionCodec': 'motion_codec',
  'MotionTransformer': 'motion_transformer',
  'LipRefiner': 'lip_refiner',
  'SyncExpert': 'sync_expert',
  'Codebook': 'codebook',
  'CodeTransformer': 'code_transformer',
  'HRDecoder': 'hr_decoder',
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
