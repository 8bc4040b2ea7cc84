r"""Statistical face prior: mean and standard deviation of portrait latents; one pass, no gradient steps.

  python train.py --config configs/face_prior.py:demo --workdir runs/demo/face_prior \
    --config.init.autoencoder=runs/demo/autoencoder --config.init.speech_encoder=runs/demo/conre

Needs: autoencoder; with `with_voice` also the speech encoder.

demo: three minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 16, 128, 6.0, 0.0),
  'base': ('base', 1024, 100, 0.0, 0.0),
  'large': ('large', 1024, 100, 0.0, 0.0),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config('face_prior', variant, VARIANTS)
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
      'components': 128 if variant == 'demo' else 0,  # principal directions: 95 % of the variance
      'component_portraits': 2048,
      'with_voice': variant == 'demo',
    }
  )
  config.init = ConfigDict(
    {
      'autoencoder': '',
      'speech_encoder': '',
    }
  )
  config.optimizer.ema_decay = 0.9999 if common.is_big(variant) else 0.998
  return config
