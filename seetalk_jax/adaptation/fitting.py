"""Fit of low-rank factors to the frames of one person within a time limit: geometry first, then also the decoder."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from seetalk_jax.adaptation import factors as factors_lib
from seetalk_jax.adaptation import person_losses
from seetalk_jax.adaptation.examples import Examples
from seetalk_jax.inference import renderer
from seetalk_jax.inference.progress import Progress, no_progress
from seetalk_jax.models.nn import blocks

PyTree = Any


@dataclasses.dataclass(frozen=True)
class FitOptions:
  """Options of the fit.

  Attributes:
    minutes: time limit of the steps, their compilation included.
    max_steps: limit of the steps; None: the time limit alone.
    rank: rank of the factors.
    batch_size: pairs of frames per step.
    factor_rate, decoder_rate: learning rates of Adam for the factors of the geometry, and of the decoder.
    geometry_share: share of the time in which the geometry alone is fitted. A decoder that is fitted to displaced
      warps learns to blur.
    truth_rate: share of the pairs whose target moves by the truth encoder's latent of the measured motion, as speech
      moves a portrait, and not by phi_m's.
    checks: number of checks in the time limit; the best state that a check has seen is kept.
    seed: seed of the factors and the pairs.
  """

  minutes: float = 10.0
  max_steps: int | None = None
  rank: int = 16
  batch_size: int = 4
  factor_rate: float = 2e-3
  decoder_rate: float = 1e-3
  geometry_share: float = 0.6
  truth_rate: float = 0.5
  checks: int = 6
  seed: int = 0


@dataclasses.dataclass(frozen=True)
class Fitted:
  """Result of the fit.

  Attributes:
    params: network -> parameters with the factors merged, of the best state; those of the start if no check was
      better than the start.
    num_steps: steps taken.
    seconds: time spent.
    stopped: whether the fit ended early because it was asked to.
    best_step: step of the kept state; 0 is the start.
    num_parameters: number of fitted scalars in the factors.
  """

  params: dict[str, PyTree]
  num_steps: int
  seconds: float
  stopped: bool
  best_step: int
  num_parameters: int


def fit(
  modules: Mapping[str, Any],
  params: Mapping[str, PyTree],
  collections: Mapping[str, Any],
  examples: Examples,
  options: FitOptions,
  *,
  truth_known: bool = True,
  check: Callable[[Mapping[str, PyTree]], float] | None = None,
  progress: Progress = no_progress,
  stop: threading.Event | None = None,
) -> Fitted:
  """Fits the networks of a release to frames of one person.

  Args:
    modules, params, collections: networks of the release, on the device of the computation.
    examples: frames to fit to.
    options: options of the fit.
    truth_known: whether the truth encoder was trained. If not, measured motion is not used.
    check: parameters -> score on frames that the fit does not see, larger is better; None: the last state is kept.
    progress: called with ('fit', seconds spent, time limit in seconds) after each step.
    stop: ends the fit after the current step when it is set.

  Returns:
    The best state. A state with a loss that is not finite ends the fit and is never kept.
  """
  run = _Run(modules, params, collections, examples, options, truth_known)
  limit, best = options.minutes * 60, _Best(check)
  best.consider(run.merged, 0)
  began = time.monotonic()  # at least one step is taken
  num_steps, next_check, stopped = 0, 1.0 / options.checks, False
  while True:
    share = _share_done(time.monotonic() - began, num_steps, limit, options.max_steps)
    if share >= 1:
      break
    if stop is not None and stop.is_set():
      stopped = True
      break
    if not np.isfinite(run.step(share)):
      run.go_back()
      break
    num_steps += 1
    progress('fit', min(int(time.monotonic() - began), int(limit)), int(limit))
    if share >= next_check:
      best.consider(run.merged, num_steps)
      next_check = share + 1.0 / options.checks
  if num_steps:
    if not run.is_finite():
      run.go_back()
    best.consider(run.merged, num_steps)
  return Fitted(best.params, num_steps, time.monotonic() - began, stopped, best.step, run.num_parameters)


class _Best:
  """The state with the largest score; without a check, the last one."""

  def __init__(self, check: Callable[[Mapping[str, PyTree]], float] | None):
    self._check, self._score = check, -np.inf
    self.params: dict[str, PyTree] = {}
    self.step = -1

  def consider(self, merged: Callable[[], dict[str, PyTree]], step: int) -> None:
    if step == self.step:
      return
    params = merged()
    score = np.inf if self._check is None else self._check(params)
    if score > self._score or self._check is None:
      self.params, self.step, self._score = params, step, score


class _Run:
  """State of a fit: factors of geometry and decoder, their optimizers, and the compiled steps."""

  def __init__(self, modules, params, collections, examples: Examples, options: FitOptions, truth_known=True):
    self._options, self._examples = options, examples
    complete = renderer.is_complete(modules)
    drawing = renderer.networks_of(complete)
    self._all = dict(params)
    self._params = {name: params[name] for name in drawing}
    self._collections = {name: collections[name] for name in drawing if name in collections}
    low_rank = factors_lib.options_for(options.rank)
    parts = {'geometry': factors_lib.GEOMETRY, 'decoder': factors_lib.decoder_parts(params, complete)}
    self._trained = {
      group: factors_lib.start(params, own, low_rank, options.seed) for group, own in parts.items()
    }
    self._before = self._trained
    rates = {'geometry': options.factor_rate, 'decoder': options.decoder_rate}
    optimizers = {
      group: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)) for group, rate in rates.items()
    }
    self._states = {group: optimizers[group].init(tree) for group, tree in self._trained.items()}
    self._frames = _on_device(examples, truth_known)
    codec = modules['motion_codec']
    spread = person_losses.spread_of(
      codec, params['motion_codec'], self._frames['motion'], self._frames['known']
    )
    self._merge = jax.jit(functools.partial(_merged, scale=low_rank.scale))
    loss = functools.partial(_loss, modules, complete, low_rank.scale, spread)
    self._steps = {
      draws: jax.jit(functools.partial(_step, functools.partial(loss, draws), optimizers))
      for draws in (False, True)
    }
    self._rng = np.random.default_rng(options.seed)

  def step(self, share: float) -> float:
    """One step; `share` of the fit is done. Returns the loss before it."""
    options = self._options
    draws = share >= options.geometry_share
    pace = 1.0 - 0.9 * share  # decays linearly to a tenth
    pairs = self._examples.pairs(options.batch_size, self._rng)
    from_truth = (self._rng.uniform(size=options.batch_size) < options.truth_rate).astype(np.float32)
    before = self._trained
    networks = (self._params, self._collections)
    self._trained, self._states, loss = self._steps[draws](
      before, self._states, *networks, self._frames, pairs, from_truth, np.float32(pace)
    )
    value = float(loss)
    if np.isfinite(value):
      self._before = before
    return value

  def go_back(self) -> None:
    """Returns to the last state with a finite loss."""
    self._trained = self._before

  def merged(self) -> dict[str, PyTree]:
    """Parameters of all networks with the factors merged."""
    changed = {network: self._all[network] for group in self._trained.values() for network in group}
    return {**self._all, **self._merge(changed, self._trained)}

  @property
  def num_parameters(self) -> int:
    """Number of scalars in the factors."""
    return blocks.count_params(self._trained)

  def is_finite(self) -> bool:
    """Whether all factors are finite numbers."""
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(self._trained))


def _on_device(examples: Examples, truth_known: bool) -> dict[str, jax.Array]:
  """The frames as `person_losses.batch_of` takes them."""
  measured = jnp.asarray(examples.measured, jnp.float32)
  names = ('pixels', 'inside', 'landmarks', 'motion', 'parts')
  frames = {name: jnp.asarray(getattr(examples, name)) for name in names}
  return frames | {'measured': measured, 'known': measured * truth_known}


def _share_done(seconds: float, steps: int, limit: float, max_steps: int | None) -> float:
  return max(seconds / limit, 0.0 if max_steps is None else steps / max_steps)


def _step(loss, optimizers, trained, states, params, collections, frames, pairs, from_truth, pace):
  value, gradients = jax.value_and_grad(loss)(trained, params, collections, frames, pairs, from_truth)
  trained, states = dict(trained), dict(states)
  for group, optimizer in optimizers.items():
    updates, states[group] = optimizer.update(gradients[group], states[group], trained[group])
    updates = jax.tree.map(lambda update: pace * update, updates)
    trained[group] = optax.apply_updates(trained[group], updates)
  return trained, states, value


def _merged(params, trained, scale):
  for group in trained.values():
    params = factors_lib.merge(params, group, scale)
  return params


def _loss(modules, complete, scale, spread, draws, trained, params, collections, frames, pairs, from_truth):
  """The loss of the geometry; if the decoder `draws`, also that of its pictures."""
  params = _merged(params, trained, scale)
  batch = person_losses.batch_of(frames, pairs, from_truth)
  codec = modules['motion_codec']
  loss, pair = person_losses.geometry_loss(codec, params['motion_codec'], batch, spread)
  if draws:
    loss += person_losses.decoder_loss(modules, complete, params, collections, pair, batch)
  return loss
