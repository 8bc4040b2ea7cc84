r"""ConRe pre-training: speech encoder, face encoder, and one face decoder for both embeddings.

  python train.py --config configs/conre.py:demo --workdir runs/demo/conre

Needs no trained network.

demo: 16 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', 2, 2, 0.0, 1e-3),
  'demo': common.Variant('demo', 32, 4000, 16.0, 1e-3),
  'base': common.Variant('base', 2048, 200_000, 0.0, 1e-4),
  'large': common.Variant('large', 4096, 300_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'conre', v, networks=('speech_encoder', 'face_encoder', 'conre'), ema_decay=0.99
  )
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'contrastive_weight': 1.0,
      'reconstruction_weight': 2.0,
      'attributes_weight': 0.0 if v.for_pod else 1.0,  # needs ground truth
      'articulation_weight': 0.0 if v.for_pod else 1.0,  # needs ground truth
    }
  )
  config.optimizer.weight_decay = 0.05
  return config
