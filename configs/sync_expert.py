r"""Sync expert: contrastive network of mouth and speech (arXiv 2008.10010, SyncNet).

  python train.py --config configs/sync_expert.py:demo --workdir runs/demo/sync_expert

Needs no trained network.

demo: 3 minutes on two CPU cores (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=64, num_steps=1500, max_minutes=3.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=1024, num_steps=100_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=1024, num_steps=100_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'sync_expert', v, networks=('sync_expert', 'syncnet'), corpus='clips', ema_decay=0.99
  )
  # The network to train; 'syncnet': SyncNet's published layout, on faces of 224 pixels.
  config.expert = 'sync_expert'
  return config
