r"""The statistical face prior: mean and deviation of the latents of portraits. A pass, no training.

  python train.py --config configs/face_prior.py:demo --workdir runs/demo/face_prior \
    --config.init.autoencoder=runs/demo/autoencoder --config.init.speech_encoder=runs/demo/conre

Given: the autoencoder; the speech encoder, where what a voice tells is measured too.

demo: three minutes on two CPU cores (`max_minutes`; a GPU reaches `num_steps` first). tiny: two steps, a test.
base, large: sizes and batches for a pod slice or an eight-GPU host; planned, not run by us.
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
      'components': 128 if variant == 'demo' else 0,  # directions of its covariance: 95 % of what varies
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
