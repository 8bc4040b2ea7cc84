r"""Renderer, end to end: warper, code transformer and HR decoder together.

  python train.py --config configs/render.py:demo --workdir runs/demo/render \
    --config.init.codebook=runs/demo/codebook \
    --config.init.autoencoder=runs/demo/autoencoder \
    --config.init.motion_codec=runs/demo/motion_codec \
    --config.init.code_transformer=runs/demo/code_transformer \
    --config.init.hr_decoder=runs/demo/code_transformer

Needs: codebook; autoencoder, because half of the portraits go through it, as at inference. Starts from the motion
codec, code transformer and HR decoder of earlier stages.

demo: 8 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 4, 6000, 8.0, 5e-4),
  'base': ('base', 128, 200_000, 0.0, 1e-4),
  'large': ('large', 128, 300_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config('render', variant, VARIANTS)
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'motion_codec': size,
      'code_transformer': size,
      'hr_decoder': size,
    }
  )
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
      'with_truth': not common.is_big(variant),  # flow, occlusion and motion of the synthetic world
      'feature_weight': 1.0,  # weight of mouth and eyes
      'hidden_weight': 0.5,  # weight of the parts of both that the portrait does not show
    }
  )
  config.init = ConfigDict(
    {
      'codebook': '',
      'autoencoder': '',
      'motion_codec': '',  # optional: starting point
      'code_transformer': '',  # optional: starting point
      'hr_decoder': '',  # optional: starting point
    }
  )
  common.add_critics(config, variant)
  config.optimizer.weight_decay = 0.0
  config.optimizer.ema_decay = 0.9999 if common.is_big(variant) else 0.99
  return config
