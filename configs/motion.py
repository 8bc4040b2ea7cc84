r"""Motion diffusion: the motion latents of a window of frames from speech.

  python train.py --config configs/motion.py:demo --workdir runs/demo/motion \
    --config.init.speech_encoder=runs/demo/conre \
    --config.init.motion_codec=runs/demo/motion_codec

Needs: speech encoder, motion codec.

demo: 60 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us. They train on frames, of clips of
five seconds and more: a window of four, and a frame that stands for the portrait a second or more away from it.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common
from seetalk_jax.constants import WINDOW_FRAMES

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=12, num_steps=8000, max_minutes=60.0, learning_rate=6e-4),
  'base': common.Variant('base', batch_size=128, num_steps=300_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=256, num_steps=500_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'motion',
    v,
    networks=('motion_transformer',),
    required=('speech_encoder', 'motion_codec'),
    corpus='clips' if v.for_pod else 'talks',
  )
  config.options = ConfigDict(
    {
      'motion_source': 'frames' if v.for_pod else 'truth',
      # Frames of a window, 4 s: long enough for blinks and head motion. Sampling uses windows of the same length.
      'num_frames': WINDOW_FRAMES,
      # For live sessions: shares of the clips with a limited look-ahead and with given first frames. 0.5 serves whole
      # recordings and live sessions.
      'lookahead_rate': 0.5 if v.size == 'demo' else 0.0,
      'past_rate': 0.5 if v.size == 'demo' else 0.0,
    }
  )
  return config
