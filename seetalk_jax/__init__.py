"""One speech recording in, a talking-face video of a speaker who fits the voice out; in JAX and Flax.

import seetalk_jax
pipe = seetalk_jax.load('demo')
clip = pipe('speech.wav', seed=0)
clip.save('talk.mp4')
"""

from __future__ import annotations

from seetalk_jax import _lazy

__version__ = '0.1.0'

TYPE_CHECKING: bool = False  # see _lazy
if TYPE_CHECKING:
  from seetalk_jax.clip import Clip as Clip
  from seetalk_jax.errors import InputError as InputError
  from seetalk_jax.media.audio import load_speech as load_speech
  from seetalk_jax.pipeline import SeeTalk as SeeTalk
  from seetalk_jax.pipeline import load as load
  from seetalk_jax.released import load_networks as load_networks
  from seetalk_jax.released import save_release as save_release
  from seetalk_jax.speech_to_portrait import SpeechToPortrait as SpeechToPortrait
else:
  __getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
      'Clip': 'seetalk_jax.clip',
      'InputError': 'seetalk_jax.errors',
      'SeeTalk': 'seetalk_jax.pipeline',
      'SpeechToPortrait': 'seetalk_jax.speech_to_portrait',
      'load': 'seetalk_jax.pipeline',
      'load_networks': 'seetalk_jax.released',
      'load_speech': 'seetalk_jax.media.audio',
      'save_release': 'seetalk_jax.released',
    },
  )
  __all__ += ['__version__']
