"""Landmarks: places in the portrait, effect of sex, age and head size."""

import heads
import numpy as np

from seetalk_jax.synthetic import head


def test_landmarks_frame_the_portrait():
  points = heads.points(heads.motion())
  eyes = 0.5 * (points['left_eye'] + points['right_eye'])
  np.testing.assert_allclose(eyes, [0.5, 0.43], atol=1e-3)
  np.testing.assert_allclose(points['chin'][1] - eyes[1], 1 / 2.6, atol=0.02)
  assert points['left_eye'][0] > 0.5 > points['right_eye'][0]
  assert points['forehead_top'][1] < eyes[1] < points['nose_tip'][1] < points['upper_inner_lip'][1]
  np.testing.assert_allclose(points['upper_inner_lip'], points['lower_inner_lip'], atol=0.004)
  box = np.asarray(head.lip_box(np.stack(list(points.values()))))
  for name in ('left_mouth_corner', 'right_mouth_corner', 'upper_inner_lip', 'lower_inner_lip'):
    assert (box[:2] < points[name]).all() and (points[name] < box[2:]).all()


def test_sex_age_and_head_size_show():
  man, woman = (head.sample_identity(heads.speaker(3, sex), 0) for sex in (1.0, 0.0))
  assert man.masculinity - woman.masculinity > 1.0 and man.jaw_width > woman.jaw_width
  old, young = (head.sample_identity(heads.speaker(3, 0.0, age), 0) for age in (75.0, 20.0))
  assert old.hair_grey > young.hair_grey and old.lip_fullness < young.lip_fullness
  large, small = (head.sample_identity(heads.speaker(3, 0.0, 30.0, size), 0) for size in (2.0, -2.0))

  def width(i):
    return np.ptp([heads.points(heads.motion(), i)[n][0] for n in ('left_eye', 'right_eye')])

  assert width(large) != width(small) and large.face_width > small.face_width
  assert large.shoulders < small.shoulders
