"""Training configuration: the fields that all stages share. Every other file here sets those of its stage.

Any field is a flag of train.py: --config.optimizer.learning_rate=3e-4, --config.mesh.fsdp=8.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict, config_dict

from seetalk_jax.constants import IMAGE_SIZES, POD_SIZES, smallest_crop
from seetalk_jax.models import registry

# Sampling defaults of a release of the networks `demo`, NAME=NUMBER.
DEMO_SAMPLING = (
  'portrait_steps=15',
  'portrait_guidance=3.0',
  'portrait_autoguidance=1.3',
  'portrait_temperature=0.7',
  'portrait_voice_temperature=0.2',
  'portrait_asymmetry=0.5',
  'motion_guidance=1.5',
  'motion_steps=6',
  'lip_scale=1.2',
)


class Variant(NamedTuple):
  """What differs between the variants of every stage.

  Attributes:
    size: of the networks.
    batch_size: of a training step, over all devices.
    num_steps: training steps.
    learning_rate: peak.
    max_minutes: minutes of training; 0: no limit.
  """

  size: str
  batch_size: int
  num_steps: int
  learning_rate: float
  max_minutes: float = 0.0

  @property
  def for_pod(self) -> bool:
    """Whether it is for a pod slice or an eight-GPU host, and for data without ground truth."""
    return self.size in POD_SIZES

  @property
  def min_side(self) -> int:
    """Smallest portrait crop that teaches details, in pixels of the recording; see `constants.smallest_crop`.

    0 in the variants for one machine, which train on any recordings.
    """
    return smallest_crop(self.image_size) if self.for_pod else 0

  @property
  def image_size(self) -> int:
    """Side of the pictures, in pixels."""
    return IMAGE_SIZES[self.size]


def pick(variants: Mapping[str, Variant], name: str) -> Variant:
  """The variant of a name.

  Raises:
    ValueError: an unknown variant.
  """
  if name not in variants:
    raise ValueError(f'variant {name!r} is unknown: use one of {", ".join(variants)}')
  return variants[name]


def network_config(name: str, size: str, **changes: Any) -> ConfigDict:
  """All fields of a network: `network_config('portrait_unet', 'demo', patch_size=2)`.

  Args:
    name: key of `registry.NETWORKS`.
    size: row of the network's SIZES.
    changes: fields in the place of those of the size.

  Raises:
    ConfigError: unknown network, size or field.
  """
  fields = registry.fields_for(name, size)
  registry.from_fields(name, fields | changes)  # names the field that there is none of
  if 'remat' in fields:  # a bool or the name of a policy
    fields['remat'] = config_dict.FieldReference(fields['remat'], field_type=object)
  config = ConfigDict(fields).lock()
  config.update(changes)
  return config.unlock()


def stage_config(
  stage: str,
  variant: Variant,
  *,
  networks: Sequence[str] = (),
  required: Sequence[str] = (),
  optional: Sequence[str] = (),
  corpus: str = 'faces',
  ema_decay: float = 0.995,
  color_jitter: float = 0.5,
) -> ConfigDict:
  """The configuration of a stage, without its options.

  Args:
    stage: name of the stage.
    variant: one of the stage.
    networks: what it trains, or can; `config.init` may name weights to start from.
    required: what `config.init` must name.
    optional: what `config.init` may name besides, or must with some options.
    corpus: kind of corpus that the stage trains on.
    ema_decay: decay of the running mean of the parameters in the variants for one machine.
    color_jitter: strength in the variants for a pod.
  """
  pod = variant.for_pod
  config = ConfigDict()
  config.stage = stage
  config.seed = 0

  config.model = ConfigDict()  # network -> its fields
  config.options = ConfigDict()  # fields of the stage's dataclass
  config.init = ConfigDict()  # network -> run directory, release, or 'demo'
  config.init.update({name: '' for name in (*required, *optional)})

  # LoRA for pretrained networks: low-rank factors are trained beside the kernels of dense layers, which stay fixed.
  # network -> rank (0: off, the kernels are trained), alpha (0: as the rank), targets (names of layers, * and ?).
  config.lora = ConfigDict()
  for name in networks:
    add_network(config, name, variant.size)
  # Staged unfreezing, ((NETWORK/PATH, STEP), ...): parameters below a path stay frozen until a step (-1: always).
  # Layers that a converted network lacks are trained from the start.
  config.unfreeze = ()

  config.data_root = 'data/synthetic'
  config.data = ConfigDict()
  config.data.corpora = (f'corpus/{corpus}',)  # relative to data_root
  config.data.weights = ()  # sampling weights of the corpora; (): every record equally often
  config.data.seed = -1  # of the data order; -1: the seed of the run
  config.data.batch_size = variant.batch_size
  config.data.augment = True  # of speech
  # Strength, 0 to 1, of camera effects on pictures that encoders read; 0: off.
  config.data.camera_effects = 0.0
  # Probability, 0 to 1, that a sample is mirrored with its annotations.
  config.data.flips = 0.5 if pod else 0.0
  # Strength, 0 to 1, of a change of color that all pictures of a sample share; 0: off.
  config.data.color_jitter = color_jitter if pod else 0.0
  # Real records are left out if the side of their portrait crop is smaller, in pixels of the recording; 0: none are.
  config.data.min_side = 0
  config.data.max_outside = 1.0  # largest share of the crop outside of the picture of the recording
  config.data.cached_samples = 0  # samples whose frozen features are cached on disk; 0: no cache
  config.data.num_workers = 8 if pod else 0  # decoding processes; 0: threads

  config.optimizer = ConfigDict()
  config.optimizer.learning_rate = variant.learning_rate  # peak
  config.optimizer.warmup_steps = 2000 if pod else 50
  config.optimizer.final_fraction = 0.05  # final learning rate over the peak (cosine decay)
  config.optimizer.b1 = 0.9
  config.optimizer.b2 = 0.99
  config.optimizer.weight_decay = 0.01
  config.optimizer.max_grad_norm = 1.0
  # ((NETWORK, NORM), ...): networks that are clipped by a norm of their own, the others together by the one above.
  config.optimizer.max_grad_norms = ()
  config.optimizer.ema_decay = 0.9999 if pod else ema_decay
  config.optimizer.rates = ()  # ((NETWORK/PATH, FACTOR), ...): multiples of the learning rate
  config.num_steps = variant.num_steps
  config.max_minutes = variant.max_minutes

  config.log_every = 100 if pod else 20
  config.sample_every = 5000 if pod else 500
  config.checkpoint_every = 2000 if pod else 200
  config.keep_checkpoints = 2  # number of latest checkpoints
  config.keep_every = 0  # also keep checkpoints at multiples of this step; 0: none
  # Also keep the best checkpoint by a held-out metric, psnr or loss for instance; '': none. mode: max or min.
  config.keep_best = ConfigDict({'metric': '', 'mode': 'max'})
  config.eval_batches = 2  # validation batches at every sample_every

  # Pieces of a batch, run one after the other: less memory. The gradient is that of the batch for means over its rows;
  # means over known rows, contrasts and spreads are taken in each piece.
  config.accumulate = 1
  config.dtype = 'bfloat16' if pod else 'float32'
  config.mesh = ConfigDict({'data': -1, 'fsdp': 8 if pod else 1, 'tensor': 1})
  return config


def add_network(config: ConfigDict, name: str, size: str) -> None:
  """Adds a network that a stage trains: its fields, LoRA (off), and where weights to start from are (nowhere)."""
  config.model[name] = network_config(name, size)
  config.lora[name] = ConfigDict({'rank': 0, 'alpha': 0.0, 'targets': ('to_q', 'to_k', 'to_v', 'to_out')})
  config.init[name] = ''


def add_critics(config: ConfigDict, variant: Variant) -> None:
  """Adds perceptual, identity and adversarial losses to a stage that produces pictures; off in small variants."""
  pod = variant.for_pod
  add_network(config, 'discriminator', 'base' if pod else variant.size)
  config.optimizer.max_grad_norms = (
    ('discriminator', 1.0),
  )  # its R1 penalty must not shrink the generator's step
  config.options.adversarial_weight = 0.8 if pod else 0.0
  config.options.adversarial_after = 20_000 if pod else 0
  config.options.perceptual_weight = 0.0  # needs converted public weights: config.init.perceptual
  config.options.face_feature_weight = 0.0  # features of our own face encoder: config.init.face_encoder
  config.options.identity_weight = 0.0  # needs config.init.face_encoder too
  config.init.perceptual = ''
  config.init.face_encoder = ''
