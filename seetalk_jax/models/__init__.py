"""Every network as a Linen module: `from seetalk_jax.models import PortraitUNet`. Loaded on first use."""

from __future__ import annotations

import importlib

# Network name, as in configurations and releases -> (file here, class). The file holds the class's SIZES table.
NETWORKS = {
  'speech_encoder': ('speech_encoder', 'SpeechEncoder'),
  'face_encoder': ('face_encoder', 'FaceEncoder'),
  'conre': ('conre', 'ConReHead'),
  'autoencoder': ('autoencoder', 'AutoencoderKL'),
  'portrait_unet': ('portrait_unet', 'PortraitUNet'),
  'sample_adaptive_weighting': ('face_prior', 'SampleAdaptiveWeighting'),
  'motion_codec': ('motion_codec', 'MotionCodec'),
  'motion_transformer': ('motion_transformer', 'MotionTransformer'),
  'lip_refiner': ('lip_refiner', 'LipRefiner'),
  'sync_expert': ('sync_expert', 'SyncExpert'),
  'codebook': ('codebook', 'Codebook'),
  'code_transformer': ('code_transformer', 'CodeTransformer'),
  'hr_decoder': ('hr_decoder', 'HRDecoder'),
  'discriminator': ('discriminator', 'PatchDiscriminator'),
  'codeformer': ('codeformer', 'CodeFormer'),
  'syncnet': ('syncnet', 'SyncNet'),
  'perceptual': ('perceptual', 'PerceptualTower'),
}

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
