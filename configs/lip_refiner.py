r"""Lip refinement: a lip subspace of the motion latents, and a network that corrects within it.

  python train.py --config configs/lip_refiner.py:demo --workdir runs/demo/lip_refiner \
    --config.init.speech_encoder=runs/demo/conre \
    --config.init.motion_codec=runs/demo/motion_codec \
    --config.init.motion_transformer=runs/demo/motion

Given: speech encoder, motion codec, motion transformer, and the sync expert where portraits are rendered (all variants
but demo). Needs truth of the embedded world.

demo: 18 minutes on two CPU cores (`max_minutes`; a GPU reaches `num_steps` first). tiny: two steps, a test.
base, large: sizes and batches for a pod slice or an eight-GPU host; planned, not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 8, 2000, 18.0, 1e-3),
  'base': ('base', 128, 100_000, 0.0, 1e-4),
  'large': ('large', 128, 100_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config(
    'lip_refiner', variant, VARIANTS, corpus='talks' if variant == 'demo' else 'faces'
  )
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'lip_refiner': size,
    }
  )
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
      # 'portrait_speech' (corpus faces) renders portraits. 'speech_motion' (corpus talks) has longer tracks and renders
      # nothing: many more steps a minute. The shipped weights were trained with it.
      'view': 'speech_motion' if variant == 'demo' else 'portrait_speech',
      'render_weight': 0.5,  # of the rendered mouth region, where the view has portraits
      'render_share': 0.25,  # of the portraits of a batch: each is drawn three times
      'outside_weight': 1.0,  # of what changes in the picture around it
      'sync_weight': 0.05,  # of the sync expert's word
      'sync_share': 0.125,  # of the clips of a batch: five frames each
    }
  )
  config.init = ConfigDict(
    {
      'speech_encoder': '',
      'motion_codec': '',
      'motion_transformer': '',
      'sync_expert': '',
      'syncnet': '',  # in the place of sync_expert: one that was trained here, or converted
      'lip_refiner': '',  # to start from
    }
  )
  config.optimizer.ema_decay = 0.9999 if common.is_big(variant) else 0.99
  return config
