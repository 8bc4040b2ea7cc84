r"""Motion codec: appearance encoder, motion encoder, warper and plain decoder.

  python train.py --config configs/motion_codec.py:demo --workdir runs/demo/motion_codec

Needs no trained network; base and large need the face encoder of stage conre (`cross_identity_weight`).

demo: 90 minutes on one CPU core (`max_minutes`; on a GPU `num_steps` comes first). tiny: two steps, for tests.
base, large: networks and batches for a pod slice or an eight-GPU host; not run by us.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import common

VARIANTS = {
  'tiny': common.Variant('tiny', batch_size=2, num_steps=2, learning_rate=1e-3),
  'demo': common.Variant('demo', batch_size=4, num_steps=20_000, max_minutes=90.0, learning_rate=8e-4),
  'base': common.Variant('base', batch_size=256, num_steps=300_000, learning_rate=1e-4),
  'large': common.Variant('large', batch_size=256, num_steps=500_000, learning_rate=1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  v = common.pick(VARIANTS, variant)
  config = common.stage_config('motion_codec', v, networks=('motion_codec',))
  config.options = ConfigDict(
    {
      'image_size': 256 if v.size == 'demo' else v.image_size,
      'with_truth': not v.for_pod,  # flow, occlusion and motion of the synthetic world
      'with_estimates': v.for_pod,  # motion and landmarks of recordings, as `seetalk prepare` measured them
      'truth_rate': 0.5,  # share of motions from the truth encoder instead of frames
      'feature_weight': 1.0,  # weight of mouth and eyes
      'hidden_weight': 0.5,  # weight of the parts of both that the source does not show
      'texture_weight': 0.0,  # weight of the strength of edges, wherever they are
      'feature_flow_weight': 0.3,  # weight of the flow of mouth and eyes
      # Motion is given to another portrait and must be recovered from the result.
      'cycle_weight': 0.2 if v.for_pod else 0.0,
      # The face of that result must be that of the portrait, and look real to the discriminator.
      'cross_identity_weight': 0.2 if v.for_pod else 0.0,  # needs config.init.face_encoder
      'cross_adversarial_weight': 0.4 if v.for_pod else 0.0,  # needs adversarial_weight
      'geometry_only': False,  # True: warp by exact motion alone, for the first part of a long training
      'keep_motion': False,  # True: keep phi_m and the truth networks fixed, so that motion tracks stay valid
    }
  )
  common.add_critics(config, v)
  config.optimizer.weight_decay = 0.0
  if v.size == 'demo':
    config.data.flips = 0.5
    config.data.camera_effects = 0.3  # so that the encoder reads recordings of any camera
  return config
