"""Scenes: portrait crop, exposure, white balance, determinism."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.media import face
from seetalk_jax.synthetic.human import environments, light, scene, tone

EYES, CHIN = np.array([0.02, 7.28, 1.25]), np.array([0.02, 6.23, 1.46])
SKIN = np.array([0.36, 0.22, 0.16])  # middle


@pytest.mark.parametrize('distance', [8.0, 25.0])
def test_the_camera_gives_the_portrait_crop(distance):
  camera = scene.portrait_camera(jnp.asarray(EYES), jnp.asarray(CHIN), distance)
  points, _ = camera.project(jnp.asarray(np.stack([EYES, CHIN])), 1)
  (eyes_x, eyes_y), (_, chin_y) = np.asarray(points)
  np.testing.assert_allclose(
    [eyes_x, eyes_y], [face.PORTRAIT_CROP.eyes_x, face.PORTRAIT_CROP.eyes_y], atol=1e-5
  )
  np.testing.assert_allclose(1 / (chin_y - eyes_y), face.PORTRAIT_CROP.side_over_face, rtol=1e-5)


def test_zoom_and_shift_move_the_face():
  camera = scene.portrait_camera(jnp.asarray(EYES), jnp.asarray(CHIN), 12.0, zoom=1.1, shift=(0.02, -0.03))
  (eyes, chin), _ = camera.project(jnp.asarray(np.stack([EYES, CHIN])), 1)
  np.testing.assert_allclose(
    eyes, [face.PORTRAIT_CROP.eyes_x + 0.02, face.PORTRAIT_CROP.eyes_y - 0.03], atol=1e-5
  )
  np.testing.assert_allclose(1.1 / (chin[1] - eyes[1]), face.PORTRAIT_CROP.side_over_face, rtol=1e-5)


def sampled(kind, seed=0, **options):
  return scene.sample_scene(np.random.default_rng(seed), EYES, CHIN, kind=kind, **options)


@pytest.mark.parametrize('kind', scene.PLACES)
def test_a_scene_of_each_kind(kind):
  first, again = sampled(kind), sampled(kind)
  jax.tree.map(np.testing.assert_array_equal, first, again)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(first))
  assert first.lights.environment.shape == (9, 3)
  assert first.lights.directions.shape == first.lights.colors.shape == (3, 3)
  np.testing.assert_allclose(jnp.linalg.norm(first.lights.directions, axis=-1), 1, rtol=1e-5)
  assert (first.lights.colors >= 0).all()
  assert first.background.plate.min() >= 0


def test_skin_of_middle_tone_has_middle_values_and_dark_skin_stays_darker():
  normals = environments.sphere()[environments.sphere()[:, 2] > 0.5]
  medians = []
  for seed in range(12):
    drawn = sampled(None, seed)
    cosine = np.maximum(normals @ np.asarray(drawn.lights.directions).T, 0)
    incoming = np.asarray(light.irradiance(drawn.lights.environment, normals)) + cosine @ drawn.lights.colors
    values = [tone.develop((incoming * skin).T, drawn.tone) for skin in (0.25 * SKIN, SKIN, 1.8 * SKIN)]
    medians.append([float(jnp.median(jnp.tensordot(jnp.asarray(tone.LUMA), v, 1))) for v in values])
  dark, middle, pale = np.array(medians).T
  assert 0.42 < np.median(middle) < 0.58
  assert np.mean((middle > 0.3) & (middle < 0.7)) > 0.85
  assert (pale - dark > 0.2).all()


def test_dark_skin_is_exposed_a_little_longer():
  mean, dark = (sampled('overcast', reflectance=r).tone.exposure for r in (0.25, 0.03125))
  np.testing.assert_allclose(dark / mean, 2, rtol=1e-5)


def test_white_balance_removes_most_of_a_cast():
  cast = environments.temperature(2700)
  left = []
  for seed in range(30):
    found = scene.sample_tone(np.random.default_rng(seed), cast, 'room day')
    left.append(np.log(np.asarray(found.balance) * cast))
  left = np.array(left)
  before = np.log(cast)
  assert np.median(left[:, 0] - left[:, 2]) < 0.35 * (before[0] - before[2])
  assert np.std(left[:, 0] - left[:, 2]) > 0.03


def test_skin_spans_the_values_of_a_photograph():
  # The darkest and the brightest parts of an evenly lit face differ by three stops.
  spans = []
  for seed in range(30):
    found = scene.sample_tone(np.random.default_rng(seed), np.ones(3), 'studio')
    low, high = (
      tone.develop(np.full((3, 1), level * scene.MIDDLE_SKIN, np.float32), found) for level in (0.25, 2)
    )
    spans.append(float((high - low).mean()))
  assert np.median(spans) > 0.49
