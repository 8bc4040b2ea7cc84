"""Training stages: the interface of a stage, its networks and its options."""

import abc
import dataclasses
import importlib
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import struct

from seetalk_jax import constants
from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry

STATISTICS_ROWS = (
  2048  # rows of batches that statistics of clips are computed from at most, see `first_batches`
)
PREVIEW_ROWS = 8  # rows of a batch that sample pictures show at most

PyTree = Any
Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]
# Numbers computed from data, owner -> {name: array}. The owner is a network, or `face_prior`, which has no network.
# A name has one owner.
Statistics = Mapping[str, Mapping[str, Any]]

# Stage name, in training order -> module with `uses(config) -> Uses` and `build(config, pretrained) -> Stage`.
STAGES = {name: f'seetalk_jax.stages.{name}' for name in constants.STAGES}


@struct.dataclass
class Frozen:
  """Frozen arrays that a stage reads and does not train. It holds arrays only, so it passes through jit.

  Attributes:
    params: network name -> plain parameter tree (unboxed; EMA parameters of the stage that trained it).
    collections: network name -> {collection name: tree}, e.g. the codebook's EMA state.
    statistics: owner -> {name: array}, e.g. motion_transformer -> motion_mean, motion_std. The results of
      `prepare` of this stage and of the earlier stages whose owners `config.init` names.
  """

  params: Mapping[str, PyTree] = struct.field(default_factory=dict)
  collections: Mapping[str, Mapping[str, PyTree]] = struct.field(default_factory=dict)
  statistics: Statistics = struct.field(default_factory=dict)

  def variables(self, network: str) -> dict[str, PyTree]:
    """The variables that `module.apply` takes for this frozen network."""
    return {'params': self.params[network], **self.collections.get(network, {})}

  def statistics_of(self, *owners: str) -> dict[str, Any]:
    """Statistics of some owners as name -> array, the form of releases, which `sampling` takes."""
    return {name: value for owner in owners for name, value in self.statistics.get(owner, {}).items()}


class Uses(NamedTuple):
  """The entries of `config.init` that a stage uses with its options, and the speakers that it needs.

  Other entries are not loaded.

  Attributes:
    trained: networks that the stage trains. Initial weights are optional; training starts from them.
    frozen: networks that the stage reads and does not train. All of them need weights.
    statistics: further owners whose statistics the stage uses if they are present. Without an entry, they come
      from the run whose networks the stage trains further.
    num_speakers: how many speakers the records must have at least.
  """

  trained: tuple[str, ...] = ()
  frozen: tuple[str, ...] = ()
  statistics: tuple[str, ...] = ()
  num_speakers: int = 1

  @property
  def names(self) -> tuple[str, ...]:
    """All of them."""
    return *self.trained, *self.frozen, *self.statistics


class AnyStage(abc.ABC):
  """Base class of all stages: those of gradient steps (`Stage`) and those of one pass (`PassStage`).

  A stage file has two functions. `uses(config) -> Uses` lists the networks of a configuration.
  `build(config, pretrained) -> Stage` makes the stage. `pretrained` maps network names to the modules of `config.init`:
  frozen ones, and trained ones that start from a checkpoint. `networks_for` picks between them and
  `config.model`. Plain scalar fields of the dataclass are options (`options_of`).

  Attributes:
    kind: 'steps' (`Stage`) or 'pass' (`PassStage`).
    name: key of STAGES.
    view: view of `data.pipeline.make_batches` that the batches come from.
    networks: network name -> module that the stage trains.
    frozen: network name -> module that the stage does not train.
    image_size: height and width of the images in a batch, in pixels; None: as stored.
    preview_rows: labels of the rows of `preview`, which are of one height.
  """

  kind: ClassVar[Literal['steps', 'pass']]
  name: str
  view: str
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  image_size: int | None = None
  preview_rows: ClassVar[tuple[str, ...]] = ()

  @abc.abstractmethod
  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and dtypes of the batch entries that the stage reads. Other entries stay on the host."""

  @property
  def encoder_inputs(self) -> tuple[str, ...]:
    """Pictures that encoders of the stage read, entries of its view: `config.data.camera_effects` changes them.

    A picture that the stage learns to make is a target, and stays as it is.
    """
    return views.find_view(self.view).encoder_inputs

  def data_options(self) -> dict[str, Any]:
    """Further keyword arguments for make_batches (e.g. portraits_only=True)."""
    return {} if self.image_size is None else {'image_size': self.image_size}

  def check_frozen(self, frozen: Frozen) -> None:
    """Checks that the initial networks and statistics serve the stage; called before anything is computed.

    Args:
      frozen: the networks of `config.init`, also those that the stage trains further, and their statistics.

    Raises:
      ConfigError: they do not.
    """
    del frozen

  def statistics_spec(self) -> dict[str, dict[str, jax.ShapeDtypeStruct]]:
    """Shapes of all statistics that the stage reads, by owner: its own and of earlier stages (for plans)."""
    return {}

  def preview(
    self,
    params: Mapping[str, PyTree],
    frozen: Frozen,
    collections: Mapping[str, Mapping[str, PyTree]],
    batch: Batch,
    rng: jax.Array,
  ) -> np.ndarray | None:
    """An image grid, uint8 `[height, width, 3]`, that shows results of the networks, or None. Not jitted.

    Args:
      batch: a batch, or its first `PREVIEW_ROWS` rows.
    """
    del params, frozen, collections, batch, rng
    return None


class Stage(AnyStage):
  """A stage of gradient steps: a frozen dataclass of modules and numbers, with pure methods."""

  kind = 'steps'

  @abc.abstractmethod
  def init(self, rng: jax.Array, frozen: Frozen) -> tuple[dict[str, PyTree], dict[str, dict[str, PyTree]]]:
    """(params, collections) by network name; params boxed with logical axis names. Traced by jit."""

  @abc.abstractmethod
  def loss(
    self,
    params: Mapping[str, PyTree],
    frozen: Frozen,
    collections: Mapping[str, Mapping[str, PyTree]],
    batch: Batch,
    rng: jax.Array,
    step: jax.Array,
  ) -> tuple[jax.Array, tuple[Metrics, Mapping[str, Mapping[str, PyTree]]]]:
    """(scalar loss, (metrics: name -> scalar, new collections of the same structure)). Params unboxed."""

  @property
  def statistics_entries(self) -> tuple[str, ...] | None:
    """The entries of batches that `prepare` reads, so that no others are decoded; None for all of `batch_spec`."""
    return None

  def prepare(self, frozen: Frozen, batches: Iterable[Batch]) -> dict[str, dict[str, np.ndarray]]:
    """Statistics of the data by owner, computed once before `init`; then they are part of `frozen.statistics`.

    In training, networks and batches are spread over the mesh, and every process reads its own rows alone: compute in
    jitted functions, and read results with `device_mesh.to_host`.

    Args:
      frozen: networks on the mesh; statistics are NumPy arrays.
      batches: an endless iterator of global batches with the entries of `statistics_entries`; the stage reads as
        many as it needs, and none where it needs none.

    Returns:
      owner -> {name: array}, NumPy. An owner here replaces all statistics of that owner in `frozen.statistics`.
    """
    del frozen, batches
    return {}

  def check_statistics(self, statistics: Statistics) -> None:
    """Checks that the statistics of a new or resumed run fit the options of the stage.

    Raises:
      ConfigError: they do not.
    """
    del statistics

  def features(self, frozen: Frozen, batch: Batch) -> Batch | None:
    """Outputs of the frozen networks, which `loss` accepts instead of the batch; None: nothing to keep."""
    del frozen, batch
    return None

  def average_collections(
    self,
    average: Mapping[str, Mapping[str, PyTree]] | None,
    collections: Mapping[str, Mapping[str, PyTree]],
    decay: jax.Array | float,
  ) -> dict[str, dict[str, PyTree]]:
    """Running averages of collections, which belong to the averaged parameters as the collections to the parameters.

    Evaluation, later stages and releases use them. {} for collections that are used as they are.

    Args:
      average: the averages so far; None at the start.
      collections: after a step.
      decay: decay of the running averages of this step, 0 to 1.
    """
    del average, collections, decay
    return {}

  def without_regularization(self) -> 'Stage':
    """The stage without what only training has, such as dropout; it evaluates held-out batches."""
    return self

  @property
  def new_parts(self) -> Mapping[str, tuple[str, ...]]:
    """Network name -> path prefixes of parameters that initial weights may lack: the stage adds them to networks."""
    return {}

  def trainable(self, params: Mapping[str, PyTree]) -> PyTree:
    """A tree of the structure of `params`: False for leaves that the optimizer must not change."""
    return jax.tree.map(lambda _: True, params)


def trainable_but(network: str, kept: Collection[str], params: Mapping[str, PyTree]) -> PyTree:
  """True for every array of `params`, False for those of the parts of `network` in `kept`."""

  def of(name, tree):
    if name != network:
      return jax.tree.map(lambda _: True, tree)
    return {part: jax.tree.map(lambda _, keep=part in kept: not keep, sub) for part, sub in tree.items()}

  return {name: of(name, tree) for name, tree in params.items()}


class PassStage(AnyStage):
  """A stage without gradient steps: one pass over the data that computes statistics (face_prior)."""

  kind = 'pass'

  @abc.abstractmethod
  def start(self, frozen: Frozen) -> PyTree:
    """The empty accumulator, a pytree of arrays."""

  @abc.abstractmethod
  def update(self, accumulator: PyTree, frozen: Frozen, batch: Batch) -> PyTree:
    """The accumulator with one more batch. Jitted."""

  @abc.abstractmethod
  def finalize(self, accumulator: PyTree) -> dict[str, dict[str, np.ndarray]]:
    """The statistics of a full accumulator: owner -> {name: array}."""


def float_spec(*shape: int) -> jax.ShapeDtypeStruct:
  """A float32 array of a shape."""
  return jax.ShapeDtypeStruct(shape, jnp.float32)


def uses(config) -> Uses:
  """The entries of `config.init` that the stage of a configuration uses.

  Raises:
    ConfigError: unknown stage.
  """
  return _stage_module(config).uses(config)


def build_stage(config, pretrained: Mapping[str, nn.Module]) -> Stage | PassStage:
  """The stage that `config.stage` names.

  Raises:
    ConfigError: unknown stage, or a frozen network that `config.init` does not name.
  """
  stage = _stage_module(config).build(config, pretrained)
  missing = [name for name in stage.frozen if name not in pretrained]
  if missing:
    raise ConfigError(
      f'stage {config.stage} needs trained {", ".join(missing)}: '
      f'set --config.init.{missing[0]}=WORKDIR (or =demo)'
    )
  return stage


def in_groups(x: jax.Array, count: int) -> jax.Array:
  """Reshapes `[b, ...]` to `[groups, b / groups, ...]`, where groups is `gcd(count, b)`.

  The same number of samples from each group gives `count` samples spread over the devices. The first `count`
  samples of the batch would all be on the first few devices.
  """
  return x.reshape(math.gcd(count, x.shape[0]), -1, *x.shape[1:])


def share_size(share: float, batch_size: int) -> int:
  """Number of samples in a share of a batch: at least one."""
  return min(max(1, round(share * batch_size)), batch_size)


def random_share(rng: jax.Array, share: float, tree: PyTree) -> PyTree:
  """The same random samples of every `[b, ...]` in `tree`: a share of the batch, at least one sample.

  A corpus of small weight has fixed rows in the batch, so fixed samples would be of the same corpora in every step.
  """
  batch_size = len(jax.tree.leaves(tree)[0])
  count = share_size(share, batch_size)
  groups = math.gcd(count, batch_size)
  first = jax.random.randint(rng, (), 0, batch_size // groups)

  def of(x):
    rows = jnp.roll(in_groups(x, count), -first, axis=1)[:, : count // groups]
    return rows.reshape(count, *x.shape[1:])

  return jax.tree.map(of, tree)


def networks_for(
  used: Uses, config, pretrained: Mapping[str, nn.Module]
) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
  """(trained, frozen) modules by name, each from `network_for`."""
  trained, frozen = (
    {name: network_for(name, config, pretrained) for name in names} for names in (used.trained, used.frozen)
  )
  return trained, frozen


def network_for(name: str, config, pretrained: Mapping[str, nn.Module]) -> nn.Module:
  """The module of a network: from `pretrained`, else built from the fields in `config.model[name]`."""
  if name in pretrained:
    return (
      pretrained[name].clone(dtype=config.dtype) if hasattr(pretrained[name], 'dtype') else pretrained[name]
    )
  if name not in config.model:
    raise ConfigError(
      f'network {name} of stage {config.stage} is neither in config.model nor in config.init: '
      f'set --config.init.{name}=WORKDIR (or =demo)'
    )
  fields = config.model[name]
  if isinstance(fields, str):
    raise ConfigError(
      f'config.model.{name}={fields!r} is not a table of fields: write common.network_config({name!r}, SIZE)'
    )
  return registry.from_fields(name, {**fields, 'dtype': config.dtype})


def options_of(stage_class: type, config) -> dict[str, Any]:
  """`config.options` as constructor arguments of the stage dataclass.

  Raises:
    ConfigError: an option that the stage does not have.
  """
  allowed = {field.name for field in dataclasses.fields(stage_class)} - {'name', 'networks', 'frozen'}
  options = dict(config.options)
  for name in options:
    if name not in allowed:
      raise ConfigError(f'option {name!r} is not one of stage {config.stage}: use one of {sorted(allowed)}')
  return options


def option(stage_class: type, config, name: str) -> Any:
  """One option: its value in `config.options`, else the default of the stage dataclass."""
  return config.options.get(name, getattr(stage_class, name))


# Boxes and places in random batches, by entry: the whole picture, and mouths.
_PLACES = {'picture_box': (0, 0, 1, 1), 'lip_box': (0.33, 0.53, 0.67, 0.87), 'clip_mouth': (0.5, 0.7)}


def fake_batch(spec: Mapping[str, jax.ShapeDtypeStruct], seed: int = 0) -> dict[str, np.ndarray]:
  """A random batch for tests: uint8 noise, floats around 0, integers 0, 1, 2 ...

  Ground truth and clips are there for all samples, and mouths are in the middle of the lower half of the pictures.
  """
  rng = np.random.default_rng(seed)
  batch = {}
  for name, entry in sorted(spec.items()):
    if name in ('has_truth', 'has_clip', 'motion_weight', 'landmark_weight', 'parts_weight'):
      batch[name] = np.ones(entry.shape, entry.dtype)
    elif name in _PLACES:
      batch[name] = np.broadcast_to(np.asarray(_PLACES[name], entry.dtype), entry.shape).copy()
    elif entry.dtype == np.uint8:
      batch[name] = rng.integers(0, 256, entry.shape, np.uint8)
    elif jnp.issubdtype(entry.dtype, jnp.floating):
      batch[name] = (0.3 * rng.standard_normal(entry.shape)).astype(entry.dtype)
    else:
      batch[name] = np.arange(np.prod(entry.shape, dtype=int), dtype=entry.dtype).reshape(entry.shape)
  return batch


def _stage_module(config):
  if config.stage not in STAGES:
    raise ConfigError(f'stage {config.stage!r} is unknown: use one of {", ".join(STAGES)}')
  return importlib.import_module(STAGES[config.stage])


def first_batches(
  batches: Iterable[Batch], num_batches: int, num_rows: int = STATISTICS_ROWS
) -> Iterator[Batch]:
  """The first `num_batches` batches, or as many as have `num_rows` rows together if these are fewer; at least one.

  Every process reads the same number of batches, as global batches have the same rows in all of them.
  """
  rows = 0
  for batch in itertools.islice(batches, num_batches):
    yield batch
    rows += next(iter(batch.values())).shape[0]
    if rows >= num_rows:
      return
