r"""Renderer, end to end: warper, code transformer and HR decoder together.

  python train.py --config configs/render.py:demo --workdir runs/demo/render \
    --config.init.codebook=runs/demo/codebook \
    --config.init.autoencoder=runs/demo/autoencoder \
    --config.init.motion_codec=runs/demo/motion_codec \
    --config.init.code_transformer=runs/demo/code_transformer \
    --config.init.hr_decoder=runs/demo/code_transformer

Needs: codebook; autoencoder, because half of the portraits go through it, as at inference; in base and large the sync
expert (or `syncnet`), whose loss on rendered mouths needs records with successive frames and speech: real ones, or
`clips` of the image size. Starts from the motion codec, code transformer and HR decoder of earlier stages.

demo: 30 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=4, num_steps=6000, max_minutes=30.0, learning_rate=5e-4),
  'base': common.Variant('base', batch_size=128, num_steps=200_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=128, num_steps=300_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config(
    'render',
    v,
    networks=('motion_codec', 'code_transformer', 'hr_decoder'),
    required=('codebook', 'autoencoder'),
    optional=('sync_expert', 'syncnet'),
    ema_decay=0.99,
  )
  config.data.min_side = v.min_side  # enlarged faces have no details
  config.options = ConfigDict(
    {
      'image_size': v.image_size,
      'with_truth': not v.for_pod,  # flow, occlusion and motion of the synthetic world
      'with_estimates': v.for_pod,  # motion and landmarks of recordings, as `seetalk prepare` measured them
      'feature_weight': 1.0,  # weight of mouth and eyes
      'hidden_weight': 0.5,  # weight of the parts of both that the portrait does not show
      'texture_weight': 0.0,  # weight of the strength of edges, wherever they are
      'lip_weight': 1.0 if v.for_pod else 0.0,  # weight of the lip box
      'sync_weight': 0.05 if v.for_pod else 0.0,  # weight of the sync expert's loss
      'sync_share': 0.0625,  # share of the portraits of a batch; five frames each
    }
  )
  common.add_critics(config, v)
  config.optimizer.weight_decay = 0.0
  if v.size == 'demo':
    config.data.flips = 0.5
  return config
