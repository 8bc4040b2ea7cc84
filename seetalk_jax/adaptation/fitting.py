"""Fit of motion latents, then of low-rank factors, to the frames of one person, within a time limit."""

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
from seetalk_jax.adaptation.examples import Examples
from seetalk_jax.inference import renderer
from seetalk_jax.inference.progress import Progress, no_progress
from seetalk_jax.media import face
from seetalk_jax.models.nn import blocks, image_ops
from seetalk_jax.stages import losses

PyTree = Any


@dataclasses.dataclass(frozen=True)
class FitOptions:
  """Options of the fit.

  Attributes:
    minutes: time limit of the steps, their compilation included.
    max_steps: limit of the steps; None: the time limit alone.
    rank: rank of the factors.
    batch_size: pairs of frames per step.
    factor_rate, latent_rate: learning rates of Adam.
    latent_share: share of the time in which the latents alone are fitted, if frames of a video have any.
    latent_penalty: multiplies the mean squared change of the latents, which have a variance of 1.
    warped_weight: multiplies the error of the warped source where the source shows the target.
    checks: number of checks in the time limit; the best state that a check has seen is kept.
    seed: seed of the factors and the pairs.
  """

  minutes: float = 10.0
  max_steps: int | None = None
  rank: int = 16
  batch_size: int = 4
  factor_rate: float = 1e-3
  latent_rate: float = 1e-2
  latent_share: float = 0.15
  latent_penalty: float = 0.05
  warped_weight: float = 0.3
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


def face_weights(side: int) -> np.ndarray:
  """Weights of the pixels of a portrait crop, float32 `[side, side, 1]`: 3 in an ellipse around the face, else 1."""
  crop = face.PORTRAIT_CROP
  centers = (np.arange(side) + 0.5) / side
  half_height = 0.8 / crop.side_over_face  # from above the brows to below the chin
  y = (centers - (crop.eyes_y + 0.35 / crop.side_over_face)) / half_height
  x = (centers - crop.eyes_x) / (0.8 * half_height)
  return np.where(y[:, None] ** 2 + x[None] ** 2 < 1, 3.0, 1.0).astype(np.float32)[..., None]


def fit(
  modules: Mapping[str, Any],
  params: Mapping[str, PyTree],
  collections: Mapping[str, Any],
  examples: Examples,
  options: FitOptions,
  *,
  check: Callable[[Mapping[str, PyTree]], float] | None = None,
  progress: Progress = no_progress,
  stop: threading.Event | None = None,
) -> Fitted:
  """Fits the networks of a release to frames of one person.

  Args:
    modules, params, collections: networks of the release, on the device of the computation.
    examples: frames to fit to.
    options: options of the fit.
    check: parameters -> score on frames that the fit does not see, larger is better; None: the last state is kept.
    progress: called with ('fit', seconds spent, time limit in seconds) after each step.
    stop: ends the fit after the current step when it is set.

  Returns:
    The best state. A state with a loss that is not finite ends the fit and is never kept.
  """
  run = _Run(modules, params, collections, examples, options)
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
  """State of a fit: factors, changes of the latents, optimizer, and the compiled step."""

  def __init__(self, modules, params, collections, examples: Examples, options: FitOptions):
    self._options, self._examples = options, examples
    complete = renderer.is_complete(modules)
    drawing = renderer.networks_of(complete)
    self._all = dict(params)
    self._params = {name: params[name] for name in drawing}
    self._collections = {name: collections[name] for name in drawing if name in collections}
    low_rank = factors_lib.options_for(options.rank)
    parts = factors_lib.adapted_parts(params, complete)
    self._merge = jax.jit(functools.partial(factors_lib.merge, scale=low_rank.scale))
    self._trained = {
      'factors': factors_lib.start(params, parts, low_rank, options.seed),
      'latents': jnp.zeros_like(jnp.asarray(examples.motion)),
    }
    self._before = self._trained
    optimizer = optax.multi_transform(
      {
        'factors': optax.chain(optax.clip_by_global_norm(1.0), optax.adam(options.factor_rate)),
        'latents': optax.adam(options.latent_rate),
      },
      {'factors': 'factors', 'latents': 'latents'},
    )
    self._state = optimizer.init(self._trained)
    self._frames = {
      'pixels': jnp.asarray(examples.pixels),
      'motion': jnp.asarray(examples.motion),
      'inside': jnp.asarray(examples.inside),
      'free': jnp.asarray(examples.free, jnp.float32),
      'weights': jnp.asarray(face_weights(examples.pixels.shape[1])),
    }
    loss = functools.partial(_loss, modules, complete, low_rank.scale, options)
    self._step = jax.jit(functools.partial(_step, loss, optimizer))
    self._rng = np.random.default_rng(options.seed)

  def step(self, share: float) -> float:
    """One step; `share` of the fit is done. Returns the loss before it."""
    latents_alone = self._examples.free.any() and share < self._options.latent_share
    pace = 0.0 if latents_alone else 1.0 - 0.9 * share  # decays linearly to a tenth
    pairs = self._examples.pairs(self._options.batch_size, self._rng)
    before = self._trained
    self._trained, self._state, loss = self._step(
      self._trained, self._state, self._params, self._collections, self._frames, pairs, np.float32(pace)
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
    factors = self._trained['factors']
    return {**self._all, **self._merge({name: self._all[name] for name in factors}, factors)}

  @property
  def num_parameters(self) -> int:
    """Number of scalars in the factors."""
    return blocks.count_params(self._trained['factors'])

  def is_finite(self) -> bool:
    """Whether all factors are finite numbers."""
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(self._trained['factors']))


def _share_done(seconds: float, steps: int, limit: float, max_steps: int | None) -> float:
  return max(seconds / limit, 0.0 if max_steps is None else steps / max_steps)


def _step(loss, optimizer, trained, state, params, collections, frames, pairs, pace):
  value, gradient = jax.value_and_grad(loss)(trained, params, collections, frames, pairs)
  updates, state = optimizer.update(gradient, state, trained)
  updates = {**updates, 'factors': jax.tree.map(lambda update: pace * update, updates['factors'])}
  return optax.apply_updates(trained, updates), state, value


def _loss(modules, complete, scale, options, trained, params, collections, frames, pairs):
  """Pixel and edge error of the drawn targets, error of the warped sources, and size of the latents' changes."""
  merged = factors_lib.merge(params, trained['factors'], scale)
  codec = functools.partial(modules['motion_codec'].apply, {'params': merged['motion_codec']})
  change = trained['latents'] * frames['free'][:, None]
  motion = frames['motion'] + change
  source, target = (image_ops.to_float(frames['pixels'][pairs[:, i]]) for i in (0, 1))
  m_source, m_target = (motion[pairs[:, i]] for i in (0, 1))
  warped = codec(codec(source, method='appearance'), m_source, m_target, method='warp')
  image = renderer.draw(modules, complete, merged, collections, warped, 1.0, differentiable=True)
  weight = frames['weights'] * frames['inside'][pairs[:, 1]][..., None]
  weight /= jnp.maximum(jnp.mean(weight), 1e-6)
  total = losses.picture_loss(target, weight, 1.0, 1.0)(image)[0]
  shown = image_ops.upsample_nearest(jax.lax.stop_gradient(warped.occlusion), 4) * weight
  copied = losses.weighted_mean(losses.charbonnier(warped.image - target), shown)
  changed = jnp.mean(jnp.square(change[pairs.reshape(-1)]))
  return total + options.warped_weight * copied + options.latent_penalty * changed
