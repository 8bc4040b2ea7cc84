r"""Codebook (VQGAN): portraits and frames as 16 x 16 codes.

  python train.py --config configs/codebook.py:demo --workdir runs/demo/codebook

No given networks. `convert` brings CodeFormer's weights instead (not for commerce).

demo: 8 minutes on two CPU cores (`max_minutes`; a GPU reaches `num_steps` first). tiny: two steps, a test.
base, large: sizes and batches for a pod slice or an eight-GPU host; planned, not run by us.
"""

from ml_collections import ConfigDict

# variant -> (size of the networks, batch size, steps, minutes (0: no limit), peak learning rate)
VARIANTS = {
  'tiny': ('tiny', 2, 2, 0.0, 1e-3),
  'demo': ('demo', 8, 3000, 8.0, 1e-3),
  'base': ('base', 256, 400_000, 0.0, 1e-4),
  'large': ('large', 256, 600_000, 0.0, 1e-4),
}


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: tiny, demo, base or large."""
  if variant not in VARIANTS:
    raise ValueError(f'variant {variant!r} is unknown: use one of {", ".join(VARIANTS)}')
  size, batch_size, num_steps, max_minutes, learning_rate = VARIANTS[variant]
  big = variant in ('base', 'large')

  config = ConfigDict()
  config.stage = 'codebook'
  config.seed = 0

  # Network -> 'SIZE, field=value, ...'.
  config.model = ConfigDict(
    {
      'codebook': size,
    }
  )
  # Numbers of the stage, see its dataclass.
  config.options = ConfigDict(
    {
      'image_size': {'tiny': 64, 'demo': 256}.get(variant, 512),
      'head_weight': 1.0 if big else 2.0,  # needs truth
    }
  )
  # Where given networks come from: a run's directory, a release, or 'demo'.
  config.init = ConfigDict(
    {
      'codebook': '',  # to start from
    }
  )

  # Corpora, relative to data_root.
  config.data_root = 'data/synthetic'
  config.data = ConfigDict(
    {
      'corpora': ('corpus/faces',),
      'batch_size': batch_size,
      'augment': True,
      'num_workers': 8 if big else 0,  # processes; 0 decodes in threads
    }
  )

  config.optimizer = ConfigDict(
    {
      'learning_rate': learning_rate,  # peak
      'warmup_steps': 2000 if big else 50,
      'final_fraction': 0.05,  # of the peak, at the end of the cosine
      'b1': 0.9,
      'b2': 0.99,
      'weight_decay': 0.0,
      'max_grad_norm': 1.0,
      'ema_decay': 0.9999 if big else 0.995,
    }
  )
  config.num_steps = num_steps
  config.max_minutes = max_minutes

  config.log_every = 100 if big else 20
  config.sample_every = 5000 if big else 500
  config.checkpoint_every = 2000 if big else 200
  config.keep_checkpoints = 2
  config.eval_batches = 2  # of the validation split, at every sample

  config.dtype = 'bfloat16' if big else 'float32'
  config.mesh = ConfigDict({'data': -1, 'fsdp': 8 if big else 1, 'tensor': 1})
  return config
