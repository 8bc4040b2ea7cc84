"""Watermark: strength, gain, and frames that stay what they were."""

import numpy as np
import pytest

from seetalk_jax.media import psnr
from seetalk_jax.provenance import watermark

MARK = watermark.Watermark(0x5EE7A1C5)


def picture(size=(256, 320), contrast=60.0):
  """A smooth picture with noise in its lower half."""
  rows, columns = np.mgrid[: size[0], : size[1]] / max(size)
  smooth = 120 + contrast * np.sin(5 * columns + 3 * rows)
  noise = np.random.default_rng(0).normal(0, 20, size) * (rows > 0.4)
  return np.clip(np.stack([smooth + noise, smooth, 255 - smooth], axis=-1), 0, 255).astype(np.uint8)


def test_marked_pictures_keep_42_db_and_their_color():
  pixels = picture()
  marked = MARK.mark_rgb(pixels)
  assert marked.dtype == np.uint8 and psnr.psnr(pixels, marked) > 43
  change = marked.astype(int) - pixels
  inside = ((pixels > 20) & (pixels < 235)).all(axis=-1)
  assert (change[inside] == change[inside][:, :1]).all() and change.std() > 0.5


def test_luma_of_videos_stays_in_its_range():
  luma = np.repeat(np.array([16, 235], np.uint8), 128)[:, None] * np.ones(256, np.uint8)
  marked = MARK.mark_luma(luma)
  assert marked.min() == 16 and marked.max() == 235 and (marked != luma).any()


def test_texture_is_marked_more_than_flat_parts():
  pixels = picture()
  change = MARK.mark_rgb(pixels).astype(float) - pixels
  assert change[180:].std() > 1.3 * change[:80].std()


def test_the_pattern_repeats_and_depends_on_payload_and_key():
  pattern = MARK.pattern((240, 480))
  np.testing.assert_allclose(pattern[:160, :400], pattern[80:, 80:], atol=1e-9)
  assert pattern.std() == pytest.approx(1, abs=0.01)
  others = [watermark.Watermark(MARK.payload + 1), watermark.Watermark(MARK.payload, b'another')]
  for other in others:
    assert abs((pattern * other.pattern((240, 480))).mean()) < 0.3


def test_any_size_from_the_smallest():
  assert not watermark.can_mark((127, 500)) and watermark.can_mark((128, 500))
  for size in ((128, 130), (131, 250)):
    assert MARK.mark_rgb(picture(size)).shape == (*size, 3)
