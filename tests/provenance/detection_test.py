"""Detection of the watermark after compression, resizing and crops; nothing is found where there is none."""

import numpy as np
import PIL.Image
import pytest

from seetalk_jax.media import video
from seetalk_jax.provenance import detection, watermark

MARK = watermark.Watermark(0x5EE7A1C5)


def picture(side=512, seed=0):
  """Soft shapes with some noise, like a generated face."""
  rng = np.random.default_rng(seed)
  soft = PIL.Image.fromarray(rng.integers(40, 215, (9, 9, 3), dtype=np.uint8)).resize((side, side))
  return np.clip(np.asarray(soft) + rng.normal(0, 3, (side, side, 3)), 0, 255).astype(np.uint8)


def luma(frames):
  return frames.mean(axis=0) @ np.array([0.2126, 0.7152, 0.0722])


def find(frames, key=watermark.PUBLIC_KEY):
  return detection.find(detection.spectra_of(luma(frames)), key)


@pytest.fixture(scope='module')
def marked():
  return np.repeat(MARK.mark_rgb(picture())[None], 6, axis=0)


def half(frames):
  return np.stack([np.asarray(PIL.Image.fromarray(each).resize((256, 256))) for each in frames])


@pytest.mark.parametrize(
  'change, scale',
  [
    (lambda frames: frames, 1),
    (lambda frames: video.recoded(frames, 28), 1),
    (lambda frames: video.recoded(half(frames), 23), 1),
    (lambda frames: video.recoded(frames[:, 40:500, 10:470], 28), 512 / 460),
    (lambda frames: frames[:, 50:460, 60:470], 512 / 410),
  ],
  ids=['none', 'crf 28', 'half size', 'crop of a tenth, crf 28', 'crop of a fifth'],
)
def test_the_payload_comes_back(marked, change, scale):
  found = find(change(marked))
  assert found is not None and found.payload == MARK.payload
  assert found.scale == pytest.approx(scale, rel=0.01) and found.score > 5


def test_two_marks_do_not_cancel(marked):
  again = watermark.Watermark(0x01234567)
  assert find(np.stack([again.mark_rgb(each) for each in marked])).payload in (MARK.payload, again.payload)


def test_nothing_is_found_without_a_mark_or_by_another_key(marked):
  assert find(picture()[None]) is None
  assert find(marked, b'another') is None
  assert find(np.full((1, 200, 300, 3), 128, np.uint8)) is None


def test_scores_of_random_keys_stay_below_the_bound():
  spectra = [detection.spectra_of(luma(picture(256, seed)[None])) for seed in range(2)]
  keys = np.random.default_rng(0).bytes(16 * 100)
  scores = np.array(
    [
      detection.sync_scores(each, keys[i : i + 16])[0].max()
      for each in spectra
      for i in range(0, len(keys), 16)
    ]
  )
  for score in (4.5, 5.0, 5.5, 6.0):
    assert (scores > score).mean() <= detection.tail(score) + 0.02
  assert np.median(scores) > 3  # the search finds maxima of chance, as it should
