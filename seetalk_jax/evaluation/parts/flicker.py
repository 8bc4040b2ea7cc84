"""Temporal consistency: warping error between neighboring frames, given the exact flow."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.parts.reenactment import Rebuild
from seetalk_jax.evaluation.probes import worlds
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure
from seetalk_jax.models.motion.canonical import match_canonical
from seetalk_jax.models.motion.warping import resize_flow, warp
from seetalk_jax.models.nn import image_ops

PART = 'flicker'
# Largest motion between neighboring frames, in cells.
_REACH = (4, 4)
# Least visibility of a pixel that is compared.
_SHOWN = 0.9


@part('flicker', order=70)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Differences between neighboring frames that the motion does not explain."""
  settings = inputs.config.flicker
  return flicker_figures(
    inputs.world,
    inputs.face_speakers,
    inputs.generator.rebuild,
    people=settings.people,
    frames=settings.frames,
    seed=settings.seed,
    size=inputs.config.image_size,
  )


def warping_errors(
  frames: np.ndarray, canonical: np.ndarray, parts: np.ndarray, outside: Sequence[int]
) -> np.ndarray:
  """Warping errors of neighboring frames: mean absolute difference after the exact flow, over the head.

  Args:
    frames: uint8 `[n, S, S, 3]`.
    canonical, parts: canonical coordinates `[n, S / 4, S / 4, 3]` and part labels `[n, S / 4, S / 4]` of the
      same motion.
    outside: part labels outside the head.

  Returns:
    Errors `[n - 1]` in levels of 255.
  """
  head = ~np.isin(parts, outside)
  return np.asarray(_errors(frames, np.asarray(canonical, np.float32), parts, head))


@functools.partial(jax.jit)
def _errors(frames, canonical, parts, head):
  truth = match_canonical(canonical[:-1], canonical[1:], parts[:-1], parts[1:], reach=_REACH)
  size = frames.shape[1:3]
  moved = warp(frames[:-1].astype(jnp.float32), resize_flow(truth.flow, size))
  shown = image_ops.upsample_nearest((truth.visible > _SHOWN) & head[1:, ..., None], size[0] // head.shape[1])
  difference = jnp.abs(moved - frames[1:].astype(jnp.float32)).mean(axis=-1, keepdims=True)
  return jnp.sum(difference * shown, axis=(1, 2, 3)) / jnp.maximum(jnp.sum(shown, axis=(1, 2, 3)), 1)


def flicker_figures(
  world: worlds.MeasuredWorld,
  speakers: Sequence[int],
  rebuild: Rebuild,
  *,
  people: int,
  frames: int,
  seed: int,
  size: int,
) -> list[Figure]:
  """Warping errors of all routes of `rebuild` and of the exact rendering, over `frames` frames per person."""
  errors_of: dict[str, list[float]] = {}
  for i, speaker in enumerate(tqdm(speakers[:people], desc='neighbours', file=sys.stderr, leave=False)):
    motion = world.talk(int(speaker), seed + i, 'test', frames).motion
    clip = world.draw(int(speaker), seed + i, np.concatenate([world.neutral(seed + i)[None], motion]), size)
    exact = clip.frames[1:]
    made: Mapping[str, np.ndarray] = rebuild(np.broadcast_to(clip.frames[0], exact.shape), exact)
    for route, rendered in {'exact rendering': exact, **made}.items():
      errors = warping_errors(rendered, clip.canonical[1:], clip.parts[1:], world.outside_parts)
      errors_of.setdefault(route, []).append(float(errors.mean()))
  name = 'difference of neighbouring frames after the exact flow, levels'
  return [figure(PART, f'{name}, {route}', values) for route, values in errors_of.items()]
