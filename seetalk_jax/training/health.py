"""Detection of NaN and infinity: the training step reports the first tensor that is not finite."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.stages import figures
from seetalk_jax.training.path_rules import path_of
from seetalk_jax.training.run_result import NonFiniteError

PyTree = Any

METRIC = 'first_bad'


def first_bad(batch: PyTree, params: PyTree, gradients: PyTree) -> jax.Array:
  """Index of the first non-finite tensor, as numbered by `names`; -1 if all are finite. int32 scalar."""
  flags = [~jnp.all(jnp.isfinite(leaf)) for _, leaf in _inexact(batch, params, gradients)]
  flags = jnp.stack(flags)
  return jnp.where(jnp.any(flags), jnp.argmax(flags), -1).astype(jnp.int32)


def names(batch: PyTree, params: PyTree, gradients: PyTree) -> list[str]:
  """Names of the tensors in the order of `first_bad`: batch, parameters, gradients."""
  return [name for name, _ in _inexact(batch, params, gradients)]


def finite_means(
  recent: list[dict[str, jax.Array]], step: int, latest: int | None, bad_names: list[str]
) -> dict[str, float]:
  """Means of the metrics over the last steps, without those that no step has.

  Args:
    recent: scalar metrics of each of the last steps, on the devices.
    step: gradient steps taken.
    latest: step of the last checkpoint, or None.
    bad_names: tensor names from `names`, for this run's trees.

  Raises:
    NonFiniteError: a metric is not finite; the message names it, its step, the first non-finite tensor and
      the last good checkpoint.
  """
  host = jax.device_get(recent)
  for index, metrics in enumerate(host):
    bad = int(metrics.pop(METRIC))
    wrong = [name for name, value in metrics.items() if not np.isfinite(value) and not _absent(name, value)]
    if wrong or bad >= 0:
      said = ', '.join(f'{name} is {metrics[name]}' for name in wrong)
      good = 'none' if latest is None else f'step {latest}'
      text = f'{said or "a tensor is not finite"} at step {step - len(host) + index + 1}; last good checkpoint: {good}'
      raise NonFiniteError(f'{text}; first bad tensor: {bad_names[bad]}' if bad >= 0 else text)
  return figures.means(host)


def _absent(name: str, value) -> bool:
  """Whether a metric of the stage was not measured in a batch; the loss always is."""
  return name != 'loss' and value == figures.ABSENT


def _inexact(batch, params, gradients):
  leaves = []
  for kind, tree in (('batch', batch), ('parameter', params), ('gradient of', gradients)):
    for keys, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
      if jnp.issubdtype(leaf.dtype, jnp.inexact):
        leaves.append((f'{kind} {path_of(keys)}', leaf))
  return leaves
