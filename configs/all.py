r"""All stages in order: renders the synthetic corpora, trains every stage and exports a release.

  python train.py --config configs/all.py:demo --workdir runs/demo

Writes runs/demo/STAGE for every stage, and runs/demo/release. Run it again after an interruption: it continues.
To train a stage again, remove its directory and those of the stages after it.

Fields of a stage are flags too: --config.overrides.portrait.data.batch_size=8.

demo: at most 3.6 hours on two CPU cores, besides compilation and the corpora. human: pictures of 512 px of the world of
people (configs/human.py), 13 hours on one core besides compilation and the corpora, not run whole yet. tiny: two steps
per stage on flat placeholder faces, a test of the wiring.

Recordings instead of synthetic corpora, after `seetalk prepare videos corpus/hdtf`:

  python train.py --config configs/all.py:real --workdir runs/real --config.corpora="('corpus/hdtf', 'corpus/vox')" \
    --config.start="('released/wavlm', 'released/sd-vae')"

real: networks of 512 px and the batches of base, for eight GPUs of 80 GB, not run by us. real-demo: networks of 256 px,
from the shipped weights, an hour on two CPU cores besides compilation. real-person: the same for recordings of one
person; stages that compare speakers are left out. real-tiny: two steps per stage, for tests.
"""

import importlib

from ml_collections import ConfigDict

from configs import common, human, recordings
from seetalk_jax.constants import RECORDING_VARIANTS, STAGES


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant of all stages: tiny, demo or human, or one of `constants.RECORDING_VARIANTS`."""
  if variant in RECORDING_VARIANTS:
    return recordings.get_config(variant)
  if variant == 'human':
    return human.get_config(variant)
  if variant not in ('tiny', 'demo'):
    others = ', '.join(RECORDING_VARIANTS)
    raise ValueError(f'variant {variant!r} is unknown: use tiny, demo, human, {others}')
  tiny = variant == 'tiny'

  config = ConfigDict()
  config.stage = 'all'
  config.variant = variant
  config.stages = STAGES
  config.seed = 0
  config.start = ()  # releases that networks start from; 'demo' is the shipped one

  # Records by kind and split, in data_root/corpus/KIND; rendered if missing.
  config.data_root = 'data/synthetic'
  config.corpora = ConfigDict(
    {
      'faces': {'train': 8 if tiny else 3000, 'validation': 8 if tiny else 64},
      'clips': {'train': 8 if tiny else 800, 'validation': 8 if tiny else 32},
      'talks': {'train': 8 if tiny else 2000, 'validation': 8 if tiny else 32},
    }
  )
  config.world = 'cartoon'  # or 'human', the world of people
  # Side of the pictures in pixels, and frames of a record; 0: those of `seetalk corpus`.
  config.sizes = ConfigDict({kind: 64 if tiny and kind != 'talks' else 0 for kind in config.corpora})
  config.frames = ConfigDict(dict.fromkeys(config.corpora, 0))
  config.sketch = tiny  # flat placeholder faces
  config.processes = 0  # rendering processes; 0: one per core

  # Minutes of training per stage; 0: the stage's num_steps decides.
  minutes = {
    'conre': 16.0,
    'autoencoder': 16.0,
    'face_prior': 6.0,
    'portrait': 60.0,
    'codebook': 8.0,
    'motion_codec': 60.0,
    'code_transformer': 6.0,
    'sync_expert': 3.0,
    'motion': 15.0,
    'lip_refiner': 18.0,
    'render': 8.0,
  }
  config.max_minutes = ConfigDict({stage: 0.0 if tiny else minutes[stage] for stage in STAGES})
  # Stage -> what differs in each of the first phases of its training; see configs/human.py.
  config.first_phases = ConfigDict()
  # The configuration of every stage; what differs from its file is passed on to it.
  config.overrides = ConfigDict()
  for stage in STAGES:
    config.overrides[stage] = importlib.import_module(f'configs.{stage}').get_config(variant)

  config.release = True  # export to WORKDIR/release
  # Sampling defaults of the release. `tiny` has no prior directions, which some of them need.
  config.sampling = () if tiny else common.DEMO_SAMPLING
  return config
