"""Sampling of frames and crops: boxes of mouths."""

import numpy as np

from seetalk_jax.data import transforms


def test_mouth_crops_hold_the_mouth_and_its_motion():
  boxes = np.array([[0.4, 0.6, 0.6, 0.65], [0.4, 0.6, 0.6, 0.8], [0.42, 0.6, 0.58, 0.8]], np.float32)
  box = transforms.mouth_box(boxes, slice(0, 3))
  assert np.isclose(box[2] - box[0], 0.2) and np.isclose((box[2] - box[0]) / (box[3] - box[1]), 2)
  image = np.zeros([128, 128, 3], np.uint8)
  image[80:90, 59:69] = 255
  crop = transforms.crop_mouth(image, box)
  assert crop.shape == (48, 96, 3)
  assert crop[:, 48].max() == 255 and crop[:, :8].max() == 0
  for outside in ([-0.2, 0.9, 0.2, 1.1], [0.9, -0.1, 1.3, 0.1]):
    assert transforms.crop_mouth(image, np.array(outside)).shape == (48, 96, 3)
