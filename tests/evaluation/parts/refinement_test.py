"""Lip refinement figures: paired gains, subspace, lip pixels, and sync-expert distance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.evaluation.measures import pictures, sync
from seetalk_jax.evaluation.parts import reenactment, refinement
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks, image_ops


def video(seed, noise, noise_without, leak=0.0):
  """A synthetic video whose refinement changes the first two directions of m, and the others by `leak`."""
  rng = np.random.default_rng(seed)
  truth = np.sin(np.arange(60) * 0.4) + 0.2 * rng.standard_normal(60)
  opening, without = (truth + size * rng.standard_normal(60) for size in (noise, noise_without))
  motion = rng.standard_normal((60, 6))
  change = rng.standard_normal((60, 6)) * np.array([1, 1, *[leak] * 4])
  return refinement.RefinementPair(opening, without, truth, motion + change, motion, inside=4.0, outside=0.2)


def test_gains_are_of_pairs():
  figures = refinement.refinement_figures([video(i, 0.2, 0.6) for i in range(12)], np.eye(6)[:, :2])
  by_name = {figure.name: figure for figure in figures}
  gain = by_name['gain of r by refinement, mean of pairs']
  assert gain.value > 0.05 and gain.low > 0
  assert (
    by_name['opening, median r with the truth, refined'].value > by_name['the same without refinement'].value
  )
  assert by_name['change of pixels outside of the lips over inside, %'].value == pytest.approx(5)
  assert by_name['m outside of U, largest change'].reached
  assert not any('sync' in name for name in by_name)
  leaky = refinement.refinement_figures([video(i, 0.2, 0.6, 1e-3) for i in range(3)], np.eye(6)[:, :2])
  assert next(figure for figure in leaky if 'outside of U' in figure.name).reached is False


def test_the_span_counts_and_not_its_basis():
  rng = np.random.default_rng(1)
  basis = rng.standard_normal((6, 2))
  assert refinement.outside_subspace(rng.standard_normal((9, 2)) @ basis.T, basis) < 1e-12
  assert refinement.outside_subspace(rng.standard_normal((9, 6)), basis) > 0.1


def test_pixels_are_told_apart_by_the_lip_box():
  before = np.zeros((3, 64, 64, 3), np.uint8)
  after = before.copy()
  after[:, refinement.lip_mask(64)] = 40
  assert refinement.pixel_differences(after, before) == (40, 0)
  after[:, 0, 0] = 60
  inside, outside = refinement.pixel_differences(after, before)
  assert inside == 40 and outside == pytest.approx(60 / (~refinement.lip_mask(64)).sum())


def test_a_leak_is_what_two_people_differ_by():
  rng = np.random.default_rng(0)
  motion = rng.standard_normal((8, 200, 5))
  assert reenactment.leak_figure(motion, motion).value == 0
  people = rng.standard_normal((2, 8, 1, 5))  # as different as two moments
  leaky = reenactment.leak_figure(motion + people[0], motion + people[1])
  assert 60 < leaky.value < 140 and leaky.low < leaky.value < leaky.high


def test_similarity_and_sharpness_of_pictures():
  rng = np.random.default_rng(0)
  sharp = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
  soft = np.asarray(
    image_ops.to_uint8(image_ops.resize_image(image_ops.resize_image(image_ops.to_float(sharp), 32), 64))
  )
  assert pictures.ssim(sharp, sharp) == pytest.approx(1)
  assert pictures.ssim(sharp, soft) < 0.8
  assert pictures.ssim(sharp, soft) == pytest.approx(pictures.ssim(soft, sharp))
  assert pictures.gradient_energy(soft) < 0.5 * pictures.gradient_energy(sharp)
  ramp = np.repeat(np.arange(64, dtype=np.uint8)[None], 64, 0)[..., None].repeat(3, -1)
  mask = np.ones((64, 64), bool)
  mask[:, -1] = False  # the last column has no neighbor
  assert pictures.gradient_energy(ramp, mask) == pytest.approx(3)


def test_an_expert_looks_at_the_mouth_alone():
  expert = registry.make('sync_expert', 'tiny')
  inputs = jnp.zeros((1, 3200)), jnp.zeros((1, 5, 48, 96, 3))
  judge = sync.SyncJudge(expert, blocks.init_params(expert, jax.random.key(0), *inputs))
  rng = np.random.default_rng(0)
  frames = rng.integers(0, 256, (22, 100, 100, 3), dtype=np.uint8)
  speech = 0.1 * rng.standard_normal(22 * 640).astype(np.float32)
  places = np.tile([0.5, 0.7], (22, 1))
  distance = judge(frames, speech, places)
  assert 0 <= distance <= 2
  hair, mouth = frames.copy(), frames.copy()
  hair[:, :60] = 0
  mouth[:, 66:75, 40:60] = 0
  assert judge(hair, speech, places) == pytest.approx(distance, abs=1e-6)
  assert abs(judge(mouth, speech, places) - distance) > 1e-4
  moved = np.roll(frames, 7, axis=2)  # the whole face with its mouth moves sideways
  assert judge(moved, speech, places + [0.07, 0]) == pytest.approx(distance, abs=1e-4)
