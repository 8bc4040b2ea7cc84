"""One speech recording in, a talking-face video of a speaker who fits the voice out; in JAX and Flax.

import seetalk_jax
pipe = seetalk_jax.load('demo')
clip = pipe('speech.wav', seed=0)
clip.save('talk.mp4')
"""

from __future__ import annotations

import importlib

__version__ = '0.1.0'

# Public name -> module. Resolved on first use: importing the package must not import JAX.
_HOMES = {
  'load': 'seetalk_jax.pipeline',
  'SeeTalk': 'seetalk_jax.pipeline',
  'SpeechToPortrait': 'seetalk_jax.speech_to_portrait',
  'Clip': 'seetalk_jax.clip',
  'load_speech': 'seetalk_jax.media.audio',
  'load_networks': 'seetalk_jax.released',
  'save_release': 'seetalk_jax.released',
  'InputError': 'seetalk_jax.errors',
}

__all__ = ['__version__', *_HOMES]


def __getattr__(name: str):
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  value = getattr(importlib.import_module(_HOMES[name]), name)
  globals()[name] = value
  return value


def __dir__():
  return sorted(set(globals()) | set(__all__))
