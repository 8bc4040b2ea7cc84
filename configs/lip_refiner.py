r"""Lip refinement: a lip subspace of the motion latents, and a network that corrects motion inside it.

  python train.py --config configs/lip_refiner.py:demo --workdir runs/demo/lip_refiner \
    --config.init.speech_encoder=runs/demo/conre \
    --config.init.motion_codec=runs/demo/motion_codec \
    --config.init.motion_transformer=runs/demo/motion

Needs: speech encoder, motion codec with a trained truth encoder, motion transformer, and in all variants but demo the
sync expert. Motion of recordings is estimated and counts less than that of synthetic data.

demo: 12 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=8, num_steps=2000, max_minutes=12.0, learning_rate=1e-3),
  'base': common.Variant('base', batch_size=128, num_steps=100_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=128, num_steps=100_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'lip_refiner',
    v,
    networks=('lip_refiner',),
    required=('speech_encoder', 'motion_codec', 'motion_transformer'),
    optional=('sync_expert', 'syncnet'),
    corpus='talks' if v.size == 'demo' else 'faces',
    ema_decay=0.99,
  )
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      # 'portrait_speech' (corpus faces) renders portraits. 'speech_motion' (corpus talks) has longer tracks and renders
      # nothing: many more steps a minute.
      'view': 'speech_motion' if v.size == 'demo' else 'portrait_speech',
      'render_weight': 0.5,  # weight of the rendered mouth region
      'render_share': 0.25,  # share of the portraits of a batch; each is rendered three times
      'outside_weight': 1.0,  # weight of changes around the mouth region
      'sync_weight': 0.05,  # weight of the sync-expert loss
      'sync_share': 0.125,  # share of the clips of a batch; five frames each
      'lookahead_rate': 0.5 if v.size == 'demo' else 0.0,  # share of clips with a limited look-ahead
    }
  )
  return config
