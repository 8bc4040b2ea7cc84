r"""ConRe pre-training: speech encoder, face encoder, and one face decoder for both embeddings.

  python train.py --config configs/conre.py:demo --workdir runs/demo/conre

Needs no trained network.

demo: 40 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=32, num_steps=4000, max_minutes=40.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=2048, num_steps=200_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=4096, num_steps=300_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'conre', v, networks=('speech_encoder', 'face_encoder', 'conre'), ema_decay=0.99
  )
  config.options = ConfigDict(
    {
      'image_size': 256 if v.size == 'demo' else v.image_size,
      'contrastive_weight': 1.0,
      'reconstruction_weight': 2.0,
      'attributes_weight': 0.0 if v.for_pod else 1.0,  # needs ground truth
      'articulation_weight': 1.0,  # lip motion, exact or estimated
      # Portrait and speech of a real speaker from different recordings, where the corpus has several.
      'across_clips': v.for_pod,
      # Of the speech encoder: dropout, skipped layers, and masks of time and features (SpecAugment).
      'dropout': 0.1 if v.for_pod else 0.0,
      'layer_drop': 0.05 if v.for_pod else 0.0,
      'time_mask': 0.05 if v.for_pod else 0.0,
      'feature_mask': 0.05 if v.for_pod else 0.0,
    }
  )
  config.optimizer.weight_decay = 0.05
  if v.size == 'demo':
    config.data.camera_effects = 0.3  # so that the encoder reads recordings of any camera
  return config
