"""Evaluation on the synthetic world: which figures `evaluate.py` measures, and on how many samples.

    python evaluate.py --config configs/demo.py         all figures
    python evaluate.py --config configs/demo.py:quick   the same on a few samples

The first run renders 800 looks of three frames for the readers, at 128 px, their input size: 2.3 s of processor time
each, half an hour on one core. Baking a person (skin, hair, clothes, shadows) takes three quarters of it, drawing the
pictures a tenth. True faces take 364 more pictures, at about 1.2 s. Training the two readers takes about 20 minutes of
one core. All this is kept in the workdir, and what is finished also when a run is interrupted. Later runs only make and
measure what depends on the checkpoint.

Speakers and texts are those of the split 'test', which no stage is trained on. A list begins at speaker `first` of
that split and uses one seed per entry, counted from `seed`.
"""

import ml_collections


def get_config(variant: str = 'demo') -> ml_collections.ConfigDict:
  """The configuration of a variant: demo, or quick for short lists."""
  if variant not in ('demo', 'quick'):
    raise ValueError(f'variant {variant!r} is unknown: use demo or quick')
  config = ml_collections.ConfigDict()
  config.checkpoint = 'demo'
  config.conre = ''  # run directory of the stage conre, for the part `retrieval`; '': skip that part
  # Converted Inception-v3 (`seetalk convert inception`), for the FID of the part `portraits`; '': no FID.
  config.inception = ''
  config.seed = 0  # of generated portraits and motion
  config.image_size = 512

  # Renderings that train the attribute readers; no training corpus has these speakers.
  config.looks = ml_collections.ConfigDict(dict(first=500_000, num=800, frames=3, seed=11))
  config.reader = ml_collections.ConfigDict(dict(steps=900, batch_size=32, seed=0))
  config.identity = ml_collections.ConfigDict(dict(steps=450, batch_size=24, seed=0))

  config.network = ml_collections.ConfigDict(dict(widths=(64, 96, 128), features=256))

  # Videos, for the parts lips and life.
  config.talks = ml_collections.ConfigDict(dict(first=0, voices=20, frames=100, seed=20_001))
  # Portraits, for the parts voice and identity.
  config.faces = ml_collections.ConfigDict(dict(first=1_000, voices=100, frames=75, seed=30_001))
  config.spread = ml_collections.ConfigDict(dict(voices=8, seeds=8))
  config.reachable_speakers = 6_000
  # Reconstructed frames.
  config.codec = ml_collections.ConfigDict(dict(first=2_000, candidates=400, pairs=40, seed=40_001))
  # Portraits driven by videos, at several fusion weights.
  config.reenactment = ml_collections.ConfigDict(
    dict(people=12, frames=40, stride=6, seed=70_001, weights=(1.0, 0.75, 0.5, 0.25, 0.0))
  )
  # Neighboring frames of portraits driven by videos of themselves.
  config.flicker = ml_collections.ConfigDict(dict(people=8, frames=24, seed=80_001))
  # Videos for the part theval; longer ones, because silences of 0.3 s are needed.
  config.theval = ml_collections.ConfigDict(dict(first=3_000, voices=8, frames=200, seed=90_001))
  # For the part `refinement`: run directory of a sync expert of another seed and size.
  config.sync_expert = ''
  config.syncnet = ''  # a SyncNet instead, trained by the same stage or converted
  config.speed = ml_collections.ConfigDict(dict(seconds=4.0, seed=50_001))

  if variant == 'quick':
    config.looks.num = 150
    config.reader.steps = 150
    config.identity.steps = 80
    config.talks.voices, config.talks.frames = 4, 50
    config.faces.voices = 10
    config.spread.voices, config.spread.seeds = 2, 3
    config.reachable_speakers = 1_000
    config.codec.pairs = 6
    config.reenactment.people, config.reenactment.frames = 3, 8
    config.flicker.people, config.flicker.frames = 2, 6
    config.theval.voices, config.theval.frames = 2, 100
  return config
