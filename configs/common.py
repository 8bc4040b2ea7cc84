"""Training configuration: the fields that all stages share. Every other file here sets those of its stage.

Any field is a flag of train.py: --config.optimizer.learning_rate=3e-4, --config.mesh.fsdp=8.
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

# (size of the networks, batch size, steps, minutes of training (0: no limit), peak learning rate)
Variant = tuple[str, int, int, float, float]

IMAGE_SIZES = {'tiny': 64, 'demo': 256, 'base': 512, 'large': 512}


def is_big(variant: str) -> bool:
  """Whether a variant is for a pod slice or an eight-GPU host."""
  return variant in ('base', 'large')


def stage_config(
  stage: str, variant: str, variants: Mapping[str, Variant], *, corpus: str = 'faces'
) -> ConfigDict:
  """The configuration of a stage, without its networks and options.

  Args:
    stage: name of the stage.
    variant: key of `variants`.
    corpus: kind of corpus that the stage trains on.

  Raises:
    ValueError: an unknown variant.
  """
  if variant not in variants:
    raise ValueError(f'variant {variant!r} is unknown: use one of {", ".join(variants)}')
  _, batch_size, num_steps, max_minutes, learning_rate = variants[variant]
  big = is_big(variant)
  config = ConfigDict()
  config.stage = stage
  config.seed = 0

  config.model = ConfigDict()  # network -> 'SIZE, field=value, ...'
  config.options = ConfigDict()  # fields of the stage's dataclass
  config.init = ConfigDict()  # network -> run directory, release, or 'demo'

  # LoRA for pretrained networks: low-rank factors are trained beside the kernels of dense layers, which stay fixed.
  # network -> 'rank=16, alpha=16, targets=to_q|to_k|to_v|to_out' ('': the kernels are trained).
  config.lora = ConfigDict()
  # Staged unfreezing, 'NETWORK/PATH=STEP, ...': parameters below a path stay frozen until a step (-1: always). Layers
  # that a converted network lacks are trained from the start.
  config.unfreeze = ''

  config.data_root = 'data/synthetic'
  config.data = ConfigDict()
  config.data.corpora = (f'corpus/{corpus}',)  # relative to data_root
  config.data.weights = ()  # sampling weights of the corpora; (): every record equally often
  config.data.seed = -1  # of the data order; -1: the seed of the run
  config.data.batch_size = batch_size
  config.data.augment = True
  config.data.cached_samples = 0  # samples whose frozen features are cached on disk; 0: no cache
  config.data.num_workers = 8 if big else 0  # decoding processes; 0: threads

  config.optimizer = ConfigDict()
  config.optimizer.learning_rate = learning_rate  # peak
  config.optimizer.warmup_steps = 2000 if big else 50
  config.optimizer.final_fraction = 0.05  # final learning rate over the peak (cosine decay)
  config.optimizer.b1 = 0.9
  config.optimizer.b2 = 0.99
  config.optimizer.weight_decay = 0.01
  config.optimizer.max_grad_norm = 1.0
  config.optimizer.ema_decay = 0.9999 if big else 0.995
  config.optimizer.rates = ''  # 'NETWORK/PATH=FACTOR, ...': multiples of the learning rate
  config.num_steps = num_steps
  config.max_minutes = max_minutes

  config.log_every = 100 if big else 20
  config.sample_every = 5000 if big else 500
  config.checkpoint_every = 2000 if big else 200
  config.keep_checkpoints = 2  # number of latest checkpoints
  config.keep_every = 0  # also keep checkpoints at multiples of this step; 0: none
  config.keep_best = ''  # also keep the best by a held-out metric: 'psnr:max', 'loss:min'
  config.eval_batches = 2  # validation batches at every sample_every

  config.accumulate = 1  # pieces of a batch, run one after the other: same gradient, less memory
  config.dtype = 'bfloat16' if big else 'float32'
  config.mesh = ConfigDict({'data': -1, 'fsdp': 8 if big else 1, 'tensor': 1})
  return config


def add_critics(config: ConfigDict, variant: str) -> None:
  """Adds perceptual, identity and adversarial losses to a stage that produces pictures; off in small variants."""
  big = is_big(variant)
  config.model.discriminator = 'base' if big else 'tiny' if variant == 'tiny' else 'demo'
  config.options.adversarial_weight = 0.8 if big else 0.0
  config.options.adversarial_after = 20_000 if big else 0
  config.options.perceptual_weight = 0.0  # needs converted public weights: config.init.perceptual
  config.options.face_feature_weight = 0.0  # features of our own face encoder: config.init.face_encoder
  config.options.identity_weight = 0.0  # needs config.init.face_encoder too
  config.init.discriminator = ''  # optional: starting point
  config.init.perceptual = ''
  config.init.face_encoder = ''
