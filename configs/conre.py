r"""ConRe pre-training: speech encoder, face encoder, and one face decoder for both embeddings.

  python train.py --config configs/conre.py:demo --workdir runs/demo/conre

Needs no trained network.

demo: 16 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 32, 4000, 16.0, 1e-3),
  'base': ('base', 2048, 200_000, 0.0, 1e-4),
  'large': ('large', 4096, 300_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  config = common.stage_config('conre', variant, VARIANTS)
  size = VARIANTS[variant][0]
  config.model = ConfigDict(
    {
      'speech_encoder': size,
      'face_encoder': size,
      'conre': size,
    }
  )
  config.options = ConfigDict(
    {
      'image_size': common.IMAGE_SIZES[variant],
      'contrastive_weight': 1.0,
      'reconstruction_weight': 2.0,
      'attributes_weight': 0.0 if common.is_big(variant) else 1.0,  # needs ground truth
      'articulation_weight': 0.0 if common.is_big(variant) else 1.0,  # needs ground truth
    }
  )
  config.init = ConfigDict(
    {
      'speech_encoder': '',  # optional: starting point
      'face_encoder': '',  # optional: starting point
      'conre': '',  # optional: starting point
    }
  )
  config.optimizer.weight_decay = 0.05
  config.optimizer.ema_decay = 0.9999 if common.is_big(variant) else 0.99
  return config
