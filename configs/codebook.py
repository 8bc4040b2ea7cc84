r"""Codebook (VQGAN): portraits and frames as codes at 1/16 resolution.

  python train.py --config configs/codebook.py:demo --workdir runs/demo/codebook

Needs no trained network.

demo: 15 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=8, num_steps=3000, max_minutes=15.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=256, num_steps=400_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=256, num_steps=600_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config('codebook', v, networks=('codebook',))
  config.data.min_side = v.min_side  # enlarged faces have no details
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'crop_size': 0,  # side of random crops; 0: whole pictures
      'head_weight': 2.0,  # of the head; in recordings, of the face that landmarks show
      'texture_weight': 0.5 if v.size == 'demo' else 0.0,  # of the strength of edges, wherever they are
      'regions': v.size
      == 'demo',  # True: crops around mouths and eyes alone, for a code transformer with num_regions
    }
  )
  common.add_critics(config, v)
  config.optimizer.weight_decay = 0.0
  if v.size == 'demo':
    config.data.flips = 0.5
  return config
