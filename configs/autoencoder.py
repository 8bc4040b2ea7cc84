r"""Image autoencoder: KL, downsampling factor 8, 4 latent channels.

  python train.py --config configs/autoencoder.py:demo --workdir runs/demo/autoencoder

Needs no trained network. `seetalk convert sd-vae` gives Stable Diffusion's weights instead.

demo: 16 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', 2, 2, 0.0, 1e-3),
  'demo': common.Variant('demo', 8, 4000, 16.0, 1e-3),
  'base': common.Variant('base', 256, 400_000, 0.0, 1e-4),
  'large': common.Variant('large', 256, 400_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config('autoencoder', v, networks=('autoencoder',))
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'crop_size': 128 if v.size == 'demo' else 0,  # random crops cost a quarter of whole pictures
      'head_weight': 1.0 if v.for_pod else 2.0,  # above 1 needs ground truth
    }
  )
  config.optimizer.weight_decay = 0.0
  return config
