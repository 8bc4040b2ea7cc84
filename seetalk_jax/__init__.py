"""One speech recording in, a talking-face video of a speaker who fits the voice out; in JAX and Flax.

import seetalk_jax
pipe = seetalk_jax.load('demo')
clip = pipe('speech.wav', seed=0)
clip.save('talk.mp4')
"""

from __future__ import annotations

from seetalk_jax import _lazy

__version__ = '0.2.0.dev0'

TYPE_CHECKING: bool = False  # see _lazy
if TYPE_CHECKING:
  from seetalk_jax.errors import InputError as InputError
  from seetalk_jax.inference.clip import Clip as Clip
  from seetalk_jax.inference.pipeline import SeeTalk as SeeTalk
  from seetalk_jax.inference.pipeline import load as load
  from seetalk_jax.inference.speech_to_blendshapes import SpeechToBlendshapes as SpeechToBlendshapes
  from seetalk_jax.inference.speech_to_portrait import SpeechToPortrait as SpeechToPortrait
  from seetalk_jax.media.audio import load_speech as load_speech
  from seetalk_jax.releases.storage import load_networks as load_networks
  from seetalk_jax.releases.storage import save_release as save_release
else:
  __getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
      'Clip': 'seetalk_jax.inference.clip',
      'InputError': 'seetalk_jax.errors',
      'SeeTalk': 'seetalk_jax.inference.pipeline',
      'SpeechToBlendshapes': 'seetalk_jax.inference.speech_to_blendshapes',
      'SpeechToPortrait': 'seetalk_jax.inference.speech_to_portrait',
      'load': 'seetalk_jax.inference.pipeline',
      'load_networks': 'seetalk_jax.releases.storage',
      'load_speech': 'seetalk_jax.media.audio',
      'save_release': 'seetalk_jax.releases.storage',
    },
  )
  __all__ += ['__version__']
