r"""Motion diffusion: the motion latents of a window of frames from speech.

  python train.py --config configs/motion.py:demo --workdir runs/demo/motion \
    --config.init.speech_encoder=runs/demo/conre \
    --config.init.motion_codec=runs/demo/motion_codec

Needs: speech encoder, motion codec.

demo: 15 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common
from seetalk_jax.constants import CLIP_FRAMES, WINDOW_FRAMES

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 12, 8000, 15.0, 6e-4),
  'base': ('base', 512, 300_000, 0.0, 1e-4),
  'large': ('large', 1024, 500_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config(
    'motion', variant, VARIANTS, corpus='clips' if common.is_big(variant) else 'talks'
  )
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'motion_transformer': size,
    }
  )
  config.options = ConfigDict(
    {
      'motion_source': 'frames' if common.is_big(variant) else 'truth',
      'num_frames': CLIP_FRAMES if common.is_big(variant) else WINDOW_FRAMES,
    }
  )
  config.init = ConfigDict(
    {
      'speech_encoder': '',
      'motion_codec': '',
      'motion_transformer': '',  # optional: starting point
    }
  )
  return config
