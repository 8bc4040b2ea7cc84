r"""Portrait diffusion: a face latent from speech, around the face prior.

  python train.py --config configs/portrait.py:demo --workdir runs/demo/portrait \
    --config.init.speech_encoder=runs/demo/conre \
    --config.init.autoencoder=runs/demo/autoencoder \
    --config.init.face_prior=runs/demo/face_prior

Needs: speech encoder, autoencoder. Without a face prior the stage computes mean and standard deviation itself.

demo: 60 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 16, 20_000, 60.0, 1e-3),
  'base': ('base', 1024, 300_000, 0.0, 1e-4),
  'large': ('large', 2048, 400_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config('portrait', variant, VARIANTS)
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'portrait_unet': size,
      'sample_adaptive_weighting': size,
    }
  )
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
      'prior_mode': 'scfp',
      'guess_draws': 96 if variant == 'demo' else 0,
      'draws': {'tiny': 2}.get(variant, 1),
    }
  )
  if variant == 'demo':
    config.data.cached_samples = 8192
  config.init = ConfigDict(
    {
      'speech_encoder': '',
      'autoencoder': '',
      'face_prior': '',
      'portrait_unet': '',  # optional: starting point
      'sample_adaptive_weighting': '',  # optional: starting point
    }
  )
  config.lora = ConfigDict({'portrait_unet': ''})
  return config
