r"""All stages in order: renders the synthetic corpora, trains every stage and exports a release.

  python train.py --config configs/all.py:demo --workdir runs/demo

Writes runs/demo/STAGE for every stage, and runs/demo/release. Run it again after an interruption: it continues.
To train a stage again, remove its directory and those of the stages after it.

Fields of a stage are flags too: --config.overrides.portrait.data.batch_size=8.

demo: people at 512 px, 15 hours on one CPU core besides compilation and the corpora. tiny: two steps per stage on flat
placeholder faces, a test of the wiring.

Recordings instead of synthetic corpora, after `seetalk prepare videos corpus/hdtf`:

  python train.py --config configs/all.py:real --workdir runs/real --config.corpora="('corpus/hdtf', 'corpus/vox')" \
    --config.start="('released/wavlm', 'released/sd-vae')"

real: networks of 512 px and the batches of base, for eight GPUs of 80 GB, not run by us. real-demo: from the shipped
weights, an hour on two CPU cores besides compilation. real-person: the same for recordings of one
person; stages that compare speakers are left out. real-tiny: two steps per stage, for tests.
"""

import importlib

from ml_collections import ConfigDict

from seetalk_jax.configs import common, recordings
from seetalk_jax.constants import IMAGE_SIZES, RECORDING_VARIANTS, STAGES
from seetalk_jax.synthetic.kinds import KINDS

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


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant of all stages: tiny or demo, or one of `constants.RECORDING_VARIANTS`."""
  if variant in RECORDING_VARIANTS:
    return recordings.get_config(variant)
  if variant not in ('tiny', 'demo'):
    others = ', '.join(RECORDING_VARIANTS)
    raise ValueError(f'variant {variant!r} is unknown: use tiny, demo, {others}')
  tiny = variant == 'tiny'

  config = ConfigDict()
  config.stage = 'all'
  config.variant = variant
  # demo: no stage trains against the sync expert, which needs the corpus of clips.
  config.stages = tuple(stage for stage in STAGES if tiny or stage != 'sync_expert')
  config.seed = 0
  config.start = ()  # releases that networks start from; 'demo' is the shipped one

  # Records by kind and split, in data_root/corpus/KIND; rendered if missing.
  config.data_root = 'data/synthetic'
  counts = {
    'faces': {'train': 3000, 'validation': 64},
    'talks': {'train': 4000, 'validation': 32},
  }
  if tiny:
    counts = {kind: {'train': 8, 'validation': 8} for kind in KINDS}
  config.corpora = ConfigDict(counts)
  # Side of the pictures in pixels, and frames of a record; those of `seetalk corpus` for other kinds.
  config.sizes = ConfigDict({'faces': 64, 'clips': 64} if tiny else {'faces': IMAGE_SIZES['demo']})
  config.frames = ConfigDict({} if tiny else {'faces': 4})
  config.sketch = tiny  # flat placeholder faces
  config.processes = 0  # rendering processes; 0: one per core

  # Stage -> what differs in each of the first phases of its training.
  config.first_phases = ConfigDict({} if tiny else _FIRST_PHASES)
  # The configuration of every stage; what differs from its file is passed on to it.
  config.overrides = ConfigDict()
  for stage in STAGES:
    config.overrides[stage] = importlib.import_module(f'seetalk_jax.configs.{stage}').get_config(variant)
    if not tiny:  # budgets are minutes: more steps than any machine takes in them
      config.overrides[stage].num_steps = 1_000_000
  if not tiny:  # learned in the first phases
    config.overrides.autoencoder.options.keep_encoder = True
    config.overrides.autoencoder.options.latent_noise = 0.5  # samplers leave noise, which would become grain
    config.overrides.motion_codec.options.keep_motion = True

  # Minutes of training per stage; 0: the stage's num_steps decides.
  config.max_minutes = ConfigDict({stage: config.overrides[stage].max_minutes for stage in config.stages})

  config.release = True  # export to WORKDIR/release
  # Sampling defaults of the release. `tiny` has no prior directions, which some of them need.
  config.sampling = () if tiny else common.DEMO_SAMPLING
  return config
