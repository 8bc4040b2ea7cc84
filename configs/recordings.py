r"""Recipe for real recordings: the variants real, real-demo, real-person and real-tiny of configs/all.py.

Every stage trains on corpora of `seetalk prepare` alone. What `prepare` has measured (motion, landmarks, lip boxes)
takes the place of ground truth; `constants.STATUS_WEIGHTS` weighs exact and estimated values. docs/real_recordings.md
describes hardware, hours and results.
"""

import importlib

from ml_collections import ConfigDict

from seetalk_jax.configs import common
from seetalk_jax.constants import IMAGE_SIZES, ONE_PERSON, RECORDING_VARIANTS, STAGES, smallest_crop

# real-person keeps the shipped networks of voice and portrait: conre and the regression of face_prior compare speakers,
# and the portrait UNet draws latents of its own autoencoder.
_OF_SEVERAL = ('conre', 'autoencoder', 'face_prior', 'portrait')

# Stages that learn to draw details: enlarged faces have none.
_DETAILS = ('autoencoder', 'codebook', 'code_transformer', 'render')
# Stages whose targets are the colors themselves.
_KEEP_COLORS = ('face_prior', 'portrait')
# Pieces of a batch, for eight GPUs of 80 GB. Estimated from the plans in docs/scaling.md, not run by us.
_PIECES = {'autoencoder': 8, 'portrait': 2, 'codebook': 2, 'motion_codec': 4}
# Minutes of training on CPU cores, an hour in all; of the stages of real-person 40. Most go to the stages that draw
# recorded motion on a portrait.
_MINUTES = {
  'conre': 6.0,
  'autoencoder': 6.0,
  'face_prior': 1.0,
  'portrait': 7.0,
  'codebook': 3.0,
  'motion_codec': 19.0,
  'code_transformer': 3.0,
  'sync_expert': 2.0,
  'motion': 3.0,
  'lip_refiner': 2.0,
  'render': 8.0,
}
# Of the learning rate, in stages that go on from the shipped weights. A choice; not compared with others.
_FURTHER = 0.3
_FROM_NOTHING = ('face_prior', 'sync_expert', 'lip_refiner')  # the shipped weights do not serve these


def get_config(variant: str) -> ConfigDict:
  """The configuration of a variant: real, real-demo, real-person or real-tiny.

  Raises:
    ValueError: another variant.
  """
  if variant not in RECORDING_VARIANTS:
    raise ValueError(f'variant {variant!r} is unknown: use one of {", ".join(RECORDING_VARIANTS)}')
  size, one_person = RECORDING_VARIANTS[variant], variant == ONE_PERSON
  config = ConfigDict()
  config.stage = 'all'
  config.variant = size
  config.stages = tuple(stage for stage in STAGES if not (one_person and stage in _OF_SEVERAL))
  config.seed = 0
  # Releases that networks start from, 'demo' for the shipped one, folders for others, such as converted public
  # weights. A network comes from the first release that holds it, and else starts from random weights.
  config.start = ('demo',) if size == 'demo' else ()

  config.data_root = '.'
  config.corpora = ()  # folders of prepared corpora, relative to data_root; must be set
  config.weights = ()  # sampling weights of the corpora; (): every record equally often
  # Smallest portrait crop, in pixels of the recording, of stages that draw details; for stages whose own is -1.
  config.min_side = smallest_crop(IMAGE_SIZES[size])

  minutes = _MINUTES if size == 'demo' else dict.fromkeys(STAGES, 0.0)
  config.max_minutes = ConfigDict(minutes)  # 0: the stage's num_steps decides
  config.first_phases = ConfigDict()
  config.overrides = ConfigDict({stage: _stage_config(stage, size) for stage in STAGES})
  if one_person:  # the face encoder that would judge is trained by conre, and there is no other face
    config.overrides.motion_codec.options.cross_identity_weight = 0.0

  config.release = True  # export to WORKDIR/release
  config.sampling = common.DEMO_SAMPLING if size == 'demo' else ()
  return config


def _stage_config(stage: str, size: str) -> ConfigDict:
  """The configuration of a stage for recordings. No corpora and a min_side of -1 stand for those of all stages."""
  config = importlib.import_module(f'seetalk_jax.configs.{stage}').get_config(size)
  config.data.corpora = ()
  config.data.min_side = -1 if stage in _DETAILS else 0
  config.data.flips = 0.5
  options = config.options
  tracks = options.get('motion_source') == 'truth' or options.get('view') == 'speech_motion'  # no pictures
  config.data.color_jitter = 0.0 if tracks or stage in _KEEP_COLORS else 0.5
  config.mesh.fsdp = 1  # any number of devices
  if size == 'base':
    config.accumulate = _PIECES.get(stage, 1)
  if size == 'demo' and stage not in _FROM_NOTHING:
    config.optimizer.learning_rate *= _FURTHER
  config.options.update(_options(stage, size))
  if stage == 'portrait' and size == 'demo':
    config.data.cached_samples = 2048
  return config


def _options(stage: str, size: str) -> dict:
  """Options of a stage that recordings need."""
  judged = size != 'demo'  # a discriminator takes too long on two cores
  if stage == 'conre':
    rates = {'dropout': 0.1, 'layer_drop': 0.05, 'time_mask': 0.05, 'feature_mask': 0.05}
    return {'attributes_weight': 0.0, 'across_clips': True, **rates}  # sex and age are not known
  options = {}
  if stage in ('motion_codec', 'render'):
    options |= {'with_truth': False, 'with_estimates': True}
  if stage == 'motion_codec':
    options |= {'cycle_weight': 0.2, 'cross_identity_weight': 0.2}
    options |= {'cross_adversarial_weight': 0.4 if judged else 0.0}
  if stage in ('codebook', 'motion_codec', 'render') and judged:
    options['adversarial_weight'] = 0.8
  return options
