r"""Portrait diffusion: a face latent from speech, around the face prior.

  python train.py --config configs/portrait.py:demo --workdir runs/demo/portrait \
    --config.init.speech_encoder=runs/demo/conre \
    --config.init.autoencoder=runs/demo/autoencoder \
    --config.init.face_prior=runs/demo/face_prior

Needs: speech encoder, autoencoder. Without a face prior the stage computes mean and standard deviation itself.

demo: 300 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=16, num_steps=20_000, max_minutes=300.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=1024, num_steps=300_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=2048, num_steps=400_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'portrait',
    v,
    networks=('portrait_unet', 'sample_adaptive_weighting'),
    required=('speech_encoder', 'autoencoder'),
    optional=('face_prior',),
    color_jitter=0.0,  # portraits are targets, and their colors are what is learned
  )
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'prior_mode': 'scfp',
      'guess_draws': 96 if v.size == 'demo' else 0,
      'draws': 2 if v.size == 'tiny' else 1,
    }
  )
  if v.size == 'demo':
    config.data.cached_samples = 8192
    config.data.flips = 0.5
  return config
