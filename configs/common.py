"""What the configurations of all stages share; every file beside sets what is special to its stage.

Any field is a flag of train.py: --config.optimizer.learning_rate=3e-4, --config.mesh.fsdp=8.
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

# (size of the networks, batch size, steps, minutes of training (0: no limit), peak learning rate)
Variant = tuple[str, int, int, float, float]

IMAGE_SIZES = {'tiny': 64, 'demo': 256, 'base': 512, 'large': 512}


def is_big(variant: str) -> bool:
  """Whether a variant is meant for a pod slice or an eight-GPU host."""
  return variant in ('base', 'large')


def stage_config(
  stage: str, variant: str, variants: Mapping[str, Variant], *, corpus: str = 'faces'
) -> ConfigDict:
  """The configuration of a stage, without its networks and options.

  Args:
    stage: its name.
    variant: key of `variants`.
    corpus: the kind of corpus that it learns from.

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
  config.options = ConfigDict()  # numbers of the stage, see its dataclass
  config.init = ConfigDict()  # where given networks come from: a run's directory, a release, or 'demo'

  # For given weights, of converted networks above all. Factors of a low rank learn beside the kernels of dense layers,
  # which stay as they are: network -> 'rank=16, alpha=16, targets=to_q|to_k|to_v|to_out' ('': kernels learn).
  config.lora = ConfigDict()
  # 'NETWORK/PATH=STEP, ...': parameters whose path begins so rest until that step (-1: always). What a converted
  # network lacks learns from the start.
  config.unfreeze = ''

  config.data_root = 'data/synthetic'
  config.data = ConfigDict()
  config.data.corpora = (f'corpus/{corpus}',)  # relative to data_root
  config.data.weights = ()  # how often each corpus is drawn from, in proportion; (): every record equally often
  config.data.seed = (
    -1
  )  # of which samples are drawn; -1: the run's, so that runs with others differ in it too
  config.data.batch_size = batch_size
  config.data.augment = True
  config.data.cached_samples = (
    0  # so many go through the frozen networks once, onto the disk; 0: in every step
  )
  config.data.num_workers = 8 if big else 0  # processes; 0 decodes in threads

  config.optimizer = ConfigDict()
  config.optimizer.learning_rate = learning_rate  # peak
  config.optimizer.warmup_steps = 2000 if big else 50
  config.optimizer.final_fraction = 0.05  # of the peak, at the end of the cosine
  config.optimizer.b1 = 0.9
  config.optimizer.b2 = 0.99
  config.optimizer.weight_decay = 0.01
  config.optimizer.max_grad_norm = 1.0
  config.optimizer.ema_decay = 0.9999 if big else 0.995
  config.optimizer.rates = ''  # 'NETWORK/PATH=FACTOR, ...': multiples of the learning rate for parts
  config.num_steps = num_steps
  config.max_minutes = max_minutes

  config.log_every = 100 if big else 20
  config.sample_every = 5000 if big else 500
  config.checkpoint_every = 2000 if big else 200
  config.keep_checkpoints = 2  # of the latest
  config.keep_every = 0  # those of steps that are multiples of it stay too
  config.keep_best = ''  # and the best by a held-out metric, at steps of sample_every: 'psnr:max', 'loss:min'
  config.eval_batches = 2  # of the validation split, at every sample

  config.accumulate = 1  # pieces that a batch is cut into, one after the other: less memory, same gradient
  config.dtype = 'bfloat16' if big else 'float32'
  config.mesh = ConfigDict({'data': -1, 'fsdp': 8 if big else 1, 'tensor': 1})
  return config


def add_critics(config: ConfigDict, variant: str) -> None:
  """What a stage that draws is judged by besides pixels (`stages/critics.py`), off on small machines."""
  big = is_big(variant)
  config.model.discriminator = 'base' if big else 'tiny' if variant == 'tiny' else 'demo'
  config.options.adversarial_weight = 0.8 if big else 0.0
  config.options.adversarial_after = 20_000 if big else 0
  config.options.perceptual_weight = 0.0  # 1.0 with converted public weights: config.init.perceptual
  config.options.face_feature_weight = (
    0.0  # our own face encoder's features in their place: config.init.face_encoder
  )
  config.options.identity_weight = 0.0  # wants config.init.face_encoder too
  config.init.discriminator = ''  # to start from
  config.init.perceptual = ''
  config.init.face_encoder = ''
