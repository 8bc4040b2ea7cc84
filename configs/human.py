r"""Networks of 512 px for the world of people: the variant human of configs/all.py.

They replace the variant demo, whose networks the cartoon taught, with the first release that is trained on people.
The stages are those of demo with the changes below; docs/architecture.md gives the reasons.
"""

import importlib

from ml_collections import ConfigDict

from configs import common
from seetalk_jax.constants import STAGES
from seetalk_jax.models.renderer.regions import REGIONS

SIDE = 512  # of portraits and frames

# Minutes of training on one CPU core.
_MINUTES = {
  'conre': 20.0,
  'autoencoder': 60.0,
  'face_prior': 5.0,
  'portrait': 240.0,
  'codebook': 15.0,
  'motion_codec': 90.0,
  'code_transformer': 40.0,
  'motion': 40.0,
  'lip_refiner': 12.0,
  'render': 30.0,
}
# Budgets are minutes: more steps than any machine takes in them.
_STEPS = 1_000_000
# Side of the pictures of stages that train on others than 512 px. The codec reads and paints at 256 px in any case.
_SIDES = {'conre': 256, 'motion_codec': 256}

# The codec is trained at 128 px at first, where it takes more pairs a second than at 256 px: warps by exact motion, and
# then the motion encoder, which reads 128 px in any case, and the decoder. At 256 px the motion encoder is kept.
_SMALL = {
  'options': {'image_size': 128, 'keep_motion': False},
  'model': {'motion_codec': {'inner_size': 128}},
  'data': {'batch_size': 16},
}
# The autoencoder's encoder is learned soon; its decoder trains on.
_FIRST_PHASES = {
  'autoencoder': ({'max_minutes': 20.0, 'options': {'keep_encoder': False, 'latent_noise': 0.0}},),
  'motion_codec': (
    {
      **_SMALL,
      'max_minutes': 60.0,
      'options': {**_SMALL['options'], 'geometry_only': True},
      'data': {**_SMALL['data'], 'camera_effects': 0.0},
    },
    {**_SMALL, 'max_minutes': 150.0},
  ),
}

# Stages whose samples are mirrored, and stages whose encoders read pictures with effects of cameras.
_MIRRORED = ('autoencoder', 'portrait', 'codebook', 'motion_codec', 'code_transformer', 'render')
_READERS = ('conre', 'motion_codec')

# Network -> fields that differ from those of its size demo.
NETWORKS = {
  'autoencoder': {'patch_size': 8, 'latent_channels': 16, 'cosine_shortcut': True},
  # Patches of 4 x 4 latents would have 256 values and 96 channels to pass them through.
  'portrait_unet': {
    'latent_channels': 16,
    'patch_size': 2,
    'channels': (96, 160, 160),
    'attention_levels': (False, True, True),
  },
  'motion_codec': {
    'low_grid': True,
    'inner_size': 256,
    'appearance_widths': (48, 128, 160),
    'warp_widths': (96, 128),
    'decoder_widths': (48, 128),
  },
  'code_transformer': {'num_regions': len(REGIONS)},
  'motion_transformer': {'controls': ('pose', 'blink', 'gaze', 'emotion', 'style')},
}


def get_config(variant: str = 'human') -> ConfigDict:
  """The configuration of all stages.

  Raises:
    ValueError: another variant.
  """
  if variant != 'human':
    raise ValueError(f'variant {variant!r} is unknown: use human')
  config = ConfigDict()
  config.stage = 'all'
  config.variant = 'demo'
  # No stage trains against the sync expert, which needs the corpus of clips.
  config.stages = tuple(stage for stage in STAGES if stage != 'sync_expert')
  config.seed = 0
  config.start = ()

  config.data_root = 'data/human'
  config.world = 'human'
  config.corpora = ConfigDict(
    {
      'faces': {'train': 3000, 'validation': 64},
      'talks': {'train': 4000, 'validation': 32},
    }
  )
  config.sizes = ConfigDict({'faces': SIDE})
  config.frames = ConfigDict({'faces': 4})
  config.sketch = False
  config.processes = 0

  config.max_minutes = ConfigDict(_MINUTES)
  config.first_phases = ConfigDict(_FIRST_PHASES)
  config.overrides = ConfigDict({stage: stage_config(stage) for stage in STAGES})
  config.release = True
  config.sampling = common.DEMO_SAMPLING
  return config


def stage_config(stage: str) -> ConfigDict:
  """The configuration of one stage."""
  config = importlib.import_module(f'configs.{stage}').get_config('demo')
  for network in config.model:
    if network in NETWORKS:
      config.model[network].update(NETWORKS[network])
  config.num_steps = _STEPS
  if 'image_size' in config.options:
    config.options.image_size = _SIDES.get(stage, SIDE)
  if stage in _MIRRORED:
    config.data.flips = 0.5
  if stage in _READERS:  # so that encoders read recordings of any camera
    config.data.camera_effects = 0.3
  for rate in ('lookahead_rate', 'past_rate'):  # the same weights serve whole recordings and live sessions
    if rate in config.options:
      config.options[rate] = 0.5
  if 'texture_weight' in config.options:  # hair and skin have texture at 512 px
    config.options.texture_weight = 0.5
  if stage == 'autoencoder':
    config.options.keep_encoder = True
    config.options.latent_noise = 0.5  # samplers leave noise, which would become grain
    config.options.crop_size = 256  # as many positions as crops of 128 px in patches of 4 px
  if stage == 'motion_codec':
    config.options.keep_motion = True
  if stage == 'codebook':
    config.options.crop_size = 0
    config.options.regions = True
  return config
