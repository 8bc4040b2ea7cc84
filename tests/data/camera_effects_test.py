"""Camera effects: shapes, repeatability, strength, shared settings in a clip."""

import numpy as np
import pytest

from seetalk_jax.data import camera_effects

EFFECTS = [
  camera_effects.defocus,
  camera_effects.motion_blur,
  camera_effects.sensor_noise,
  camera_effects.tone,
  camera_effects.resample,
  camera_effects.sharpen,
  camera_effects.jpeg,
  camera_effects.h264,
]


def pictures(count=1, height=64, width=64, seed=0):
  """Smooth colors with edges, moving from frame to frame; float32 in [0, 1]."""
  rng = np.random.default_rng(seed)
  y, x = np.mgrid[:height, :width] / 32.0
  waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(1, 7, (3, 3))]
  picture = 0.5 + 0.25 * np.stack(waves, -1) + 0.2 * ((x - 1) ** 2 + (y - 1) ** 2 < 0.4)[..., None]
  frames = np.stack([np.roll(picture, i, 1) for i in range(count)])
  return np.clip(frames, 0, 1).astype(np.float32)


def psnr(a, b):
  return -10 * np.log10(np.mean((np.asarray(a, np.float64) - b) ** 2) + 1e-9)


@pytest.mark.parametrize('effect', EFFECTS)
def test_more_strength_means_lower_psnr(effect):
  clean = pictures(2)
  for seed in range(3):
    values = [psnr(effect(clean, np.random.default_rng(seed), s), clean) for s in (0.2, 0.5, 1.0)]
    # Small changes of size keep some pixels where they are, others not.
    slack = 0.5 if effect is camera_effects.resample else 0.0
    assert values[0] > values[1] - slack and values[1] > values[2] - slack and values[0] > values[2]
    assert values[2] > 12


@pytest.mark.parametrize('effect', EFFECTS)
def test_an_effect_is_a_function_of_frames_and_generator(effect):
  clean = pictures(2, 46, 62)
  before = clean.copy()
  first, again = (effect(clean, np.random.default_rng(7), 1.0) for _ in range(2))
  np.testing.assert_array_equal(first, again)
  np.testing.assert_array_equal(clean, before)
  assert first.shape == clean.shape and first.dtype == np.float32
  assert first.min() >= 0 and first.max() <= 1 + 1e-6


@pytest.mark.parametrize('shape', [(64, 64), (5, 48, 96), (3, 33, 17), (2, 12, 10)])
def test_shape_type_and_repeatability(shape):
  clean = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
  for seed in range(8):
    changed = camera_effects.augment(clean, np.random.default_rng(seed))
    assert changed.shape == clean.shape and changed.dtype == np.uint8
    np.testing.assert_array_equal(changed, camera_effects.augment(clean, np.random.default_rng(seed)))


def test_some_stay_clean_and_the_others_change():
  clean = np.round(255 * pictures()[0]).astype(np.uint8)
  results = [camera_effects.augment(clean, np.random.default_rng(i)) for i in range(200)]
  same = np.mean([np.array_equal(result, clean) for result in results])
  assert 0.09 < same < 0.24
  values = [psnr(r / 255, clean / 255) for r in results if not np.array_equal(r, clean)]
  assert 20 < np.median(values) < 34 and min(values) > 12


def test_a_larger_strength_changes_more_and_none_changes_nothing():
  clean = np.round(255 * pictures()[0]).astype(np.uint8)
  np.testing.assert_array_equal(camera_effects.augment(clean, np.random.default_rng(0), 0.0), clean)
  means = []
  for strength in (0.2, 0.6, 1.0):
    rngs = map(np.random.default_rng, range(30))
    means.append(
      np.mean([psnr(camera_effects.augment(clean, rng, strength) / 255, clean / 255) for rng in rngs])
    )
  assert means[0] > means[1] > means[2]
  with pytest.raises(ValueError, match='use 0 to 1'):
    camera_effects.augment(clean, np.random.default_rng(0), 1.5)


def test_noise_grows_with_light_and_differs_between_frames():
  dark, light = (np.full((2, 96, 96, 3), level, np.float32) for level in (0.25, 0.75))
  noisy = [camera_effects.sensor_noise(level, np.random.default_rng(3), 1.0) for level in (dark, light)]
  in_linear_light = [np.std(frames**2.2) for frames in noisy]
  assert in_linear_light[1] > 1.5 * in_linear_light[0]
  assert np.abs(noisy[0][0] - noisy[0][1]).max() > 0.01


@pytest.mark.parametrize('effect', [camera_effects.defocus, camera_effects.tone, camera_effects.sharpen])
def test_frames_of_a_clip_share_the_camera(effect):
  still = np.repeat(pictures(1), 3, axis=0)
  changed = effect(still, np.random.default_rng(1), 1.0)
  np.testing.assert_allclose(changed[0], changed[2], atol=1e-6)


def test_quality_orders_jpeg_and_the_rate_factor_orders_h264():
  clean = pictures(3)
  jpeg = [psnr(camera_effects.jpeg_round_trip(clean, q), clean) for q in (95, 75, 40)]
  h264 = [psnr(camera_effects.h264_round_trip(clean, crf), clean) for crf in (18, 26, 35)]
  for values in (jpeg, h264):
    assert values[0] > values[1] > values[2] > 20
  assert h264[0] > 30
