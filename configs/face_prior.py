r"""Statistical face prior: mean and standard deviation of portrait latents; one pass, no gradient steps.

  python train.py --config configs/face_prior.py:demo --workdir runs/demo/face_prior \
    --config.init.autoencoder=runs/demo/autoencoder --config.init.speech_encoder=runs/demo/conre

Needs: autoencoder; with `with_voice` also the speech encoder.

demo: five minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=16, num_steps=128, max_minutes=5.0, learning_rate=0.0),
  'base': common.Variant('base', batch_size=1024, num_steps=100, learning_rate=0.0),
  'large': common.Variant('large', batch_size=1024, num_steps=100, learning_rate=0.0),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'face_prior',
    v,
    required=('autoencoder',),
    optional=('speech_encoder',),
    ema_decay=0.998,
    color_jitter=0.0,  # of the portraits that the portrait stage learns
  )
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'components': 128 if v.size == 'demo' else 0,  # principal directions
      'component_portraits': 2048,
      'with_voice': v.size == 'demo',
    }
  )
  return config
