r"""Image autoencoder: KL, downsampling factor 8, 4 latent channels; in demo factor 16 and 16 channels.

  python train.py --config configs/autoencoder.py:demo --workdir runs/demo/autoencoder

Needs no trained network. `seetalk convert sd-vae` gives Stable Diffusion's weights instead.

demo: 60 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=8, num_steps=4000, max_minutes=60.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=256, num_steps=400_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=256, num_steps=400_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config('autoencoder', v, networks=('autoencoder',))
  config.data.min_side = v.min_side  # enlarged faces have no details
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'crop_size': 256 if v.size == 'demo' else 0,  # random crops cost a quarter of whole pictures
      'head_weight': 2.0,  # of the head; in recordings, of the face that landmarks show
      'texture_weight': 0.5 if v.size == 'demo' else 0.0,  # of the strength of edges, wherever they are
      'latent_noise': 0.0,  # up to so much noise on the decoder's inputs, as samplers leave some
      'keep_encoder': False,  # True: train the decoder alone, so that latents stay as they are
    }
  )
  common.add_critics(config, v)
  config.options.adversarial_weight = 0.0  # off in all variants: pod variants start from public weights
  config.optimizer.weight_decay = 0.0
  if v.size == 'demo':
    config.data.flips = 0.5
  return config
