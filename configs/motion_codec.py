r"""Motion codec: appearance encoder, motion encoder, warper and plain decoder.

  python train.py --config configs/motion_codec.py:demo --workdir runs/demo/motion_codec

Needs no trained network.

demo: 60 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 4, 20_000, 60.0, 8e-4),
  'base': ('base', 256, 300_000, 0.0, 1e-4),
  'large': ('large', 256, 500_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config('motion_codec', variant, VARIANTS)
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'motion_codec': size,
    }
  )
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
      'with_truth': not common.is_big(variant),  # flow, occlusion and motion of the synthetic world
      'truth_rate': 0.5,  # share of motions from the truth encoder instead of frames
      'feature_weight': 1.0,  # weight of mouth and eyes
      'hidden_weight': 0.5,  # weight of the parts of both that the source does not show
      'feature_flow_weight': 0.3,  # weight of the flow of mouth and eyes
      # Motion is given to another portrait and must be recovered from the result.
      'cycle_weight': 0.2 if common.is_big(variant) else 0.0,
      'keep_motion': False,  # True: keep phi_m and the truth networks fixed, so that motion tracks stay valid
    }
  )
  config.init = ConfigDict(
    {
      'motion_codec': '',  # optional: starting point
    }
  )
  common.add_critics(config, variant)
  config.optimizer.weight_decay = 0.0
  return config
