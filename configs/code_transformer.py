r"""Code transformer and fusion: the codes of a frame from the warped portrait.

  python train.py --config configs/code_transformer.py:demo --workdir runs/demo/code_transformer \
    --config.init.codebook=runs/demo/codebook \
    --config.init.motion_codec=runs/demo/motion_codec

Needs: codebook, motion codec.

demo: 40 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=4, num_steps=4000, max_minutes=40.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=128, num_steps=200_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=128, num_steps=200_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'code_transformer',
    v,
    networks=('code_transformer', 'hr_decoder'),
    required=('codebook', 'motion_codec'),
    ema_decay=0.99,
  )
  config.data.min_side = v.min_side  # enlarged faces have no details
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
    }
  )
  if v.size == 'demo':
    config.data.flips = 0.5
  return config
