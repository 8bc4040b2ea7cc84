r"""Code transformer and fusion: the codes of a frame from the warped portrait.

  python train.py --config configs/code_transformer.py:demo --workdir runs/demo/code_transformer \
    --config.init.codebook=runs/demo/codebook \
    --config.init.motion_codec=runs/demo/motion_codec

Needs: codebook, motion codec.

demo: 6 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 4, 4000, 6.0, 1e-3),
  'base': ('base', 128, 200_000, 0.0, 1e-4),
  'large': ('large', 128, 200_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config('code_transformer', variant, VARIANTS)
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'code_transformer': size,
      'hr_decoder': size,
    }
  )
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
    }
  )
  config.init = ConfigDict(
    {
      'codebook': '',
      'motion_codec': '',
      'code_transformer': '',  # optional: starting point
      'hr_decoder': '',  # optional: starting point
    }
  )
  config.optimizer.ema_decay = 0.9999 if common.is_big(variant) else 0.99
  return config
