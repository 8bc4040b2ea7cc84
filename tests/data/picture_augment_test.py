"""Picture augmentation: mirror images with all annotations, color jitter that the pictures of an element share."""

import numpy as np
import pytest

from seetalk_jax import constants
from seetalk_jax.data import picture_augment, views
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.human import landmark_file

FIELD = {name: index for index, name in enumerate(constants.MOTION_FIELDS)}


def element_of(view, seed=0):
  """A random element of a view with all its conditions, with pictures of 16 pixels."""
  rng, element = np.random.default_rng(seed), {}
  for name, spec in views.batch_spec(view, 1, 16, conditions=tuple(views.VIEWS[view].conditions)).items():
    if spec.dtype == np.uint8:
      element[name] = rng.integers(0, 256, spec.shape[1:], np.uint8)
    else:
      element[name] = np.asarray(rng.standard_normal(spec.shape[1:])).astype(spec.dtype)
  return element


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_every_entry_has_a_kind_that_fits_its_shape(view):
  entries = dict(views.VIEWS[view].entries)
  for of_condition in views.VIEWS[view].conditions.values():
    entries |= of_condition
  assert set(entries) <= set(picture_augment.KINDS)
  for name, entry in entries.items():
    kind = picture_augment.KINDS[name]
    is_picture = entry.dtype is np.uint8 and entry.shape[-1] == 3
    assert (kind is picture_augment.Kind.PICTURE) == is_picture, name
    assert (constants.MOTION_DIM in entry.shape) == (
      kind in (picture_augment.Kind.MOTION, picture_augment.Kind.WEIGHTS)
    ), name


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_a_mirror_image_of_a_mirror_image_is_the_element(view):
  element = element_of(view)
  once = picture_augment.mirrored(element)
  twice = picture_augment.mirrored(once)
  for name, value in element.items():
    assert (once[name].shape, once[name].dtype) == (value.shape, value.dtype), name
    np.testing.assert_allclose(twice[name], value, atol=1e-6, err_msg=name)
    same = picture_augment.KINDS[name] is picture_augment.Kind.SAME
    assert np.array_equal(once[name], value) == same, name


def test_left_is_right_in_a_mirror_image():
  element = element_of('motion_pair')
  motion = np.zeros(constants.MOTION_DIM, np.float32)
  for name, value in (
    ('eyeBlinkLeft', 0.7),
    ('jawRight', 0.2),
    ('jawOpen', 0.5),
    ('yaw', 0.3),
    ('pitch', 0.1),
  ):
    motion[FIELD[name]] = value
  motion[[FIELD['roll'], FIELD['shift_x'], FIELD['shift_y']]] = 0.05, 0.06, 0.07
  element['target_motion'] = motion
  element['motion_weight'] = np.zeros_like(motion)
  element['motion_weight'][FIELD['cheekSquintLeft']] = 0.3
  element['lip_box'] = np.float32([0.1, 0.5, 0.4, 0.8])
  seen = picture_augment.mirrored(element)
  found = {name: float(seen['target_motion'][i]) for name, i in FIELD.items() if seen['target_motion'][i]}
  wanted = {'eyeBlinkRight': 0.7, 'jawLeft': 0.2, 'jawOpen': 0.5, 'yaw': -0.3, 'pitch': 0.1}
  assert found == pytest.approx({**wanted, 'roll': -0.05, 'shift_x': -0.06, 'shift_y': 0.07})
  assert np.flatnonzero(seen['motion_weight']).tolist() == [FIELD['cheekSquintRight']]
  np.testing.assert_allclose(seen['lip_box'], [0.6, 0.5, 0.9, 0.8], atol=1e-6)
  np.testing.assert_array_equal(seen['target'][3, 2], element['target'][3, 13])
  np.testing.assert_array_equal(seen['source_parts'][1, 0], element['source_parts'][1, 3])
  x, y, z = element['source_canonical'][2, 0]
  np.testing.assert_array_equal(seen['source_canonical'][2, 3], [-x, y, z])


def test_mirrored_landmarks_are_those_of_the_mirrored_face():
  np.testing.assert_array_equal(landmark_indices.MIRROR, landmark_file.points().mirror)
  points = np.random.default_rng(0).random((478, 2)).astype(np.float32)
  seen = picture_augment.mirrored({'source_landmarks': points, 'target_landmarks': np.zeros_like(points)})
  right, left = (
    list(side) for side in (landmark_indices.RIGHT_EYE_CONTOUR, landmark_indices.LEFT_EYE_CONTOUR)
  )
  np.testing.assert_allclose(seen['source_landmarks'][left], [1, 0] + points[right] * [-1, 1], atol=1e-6)
  np.testing.assert_array_equal(seen['target_landmarks'], 0)  # absent


def test_mirrored_points_are_those_of_the_mirrored_picture():
  points = np.float32([[0.2, 0.7], [0, 0]])
  seen = picture_augment.mirrored({'clip_mouth': points})['clip_mouth']
  np.testing.assert_allclose(seen, [[0.8, 0.7], [0, 0]], atol=1e-6)  # the second is absent


def test_absent_landmarks_of_a_batch_stay_absent():
  points = np.random.default_rng(0).random((2, 478, 2)).astype(np.float32) * [[[1]], [[0]]]
  seen = picture_augment.mirrored({'source_landmarks': points})['source_landmarks']
  assert seen[0].any() and not seen[1].any()


def test_jitter_changes_all_pictures_of_an_element_alike():
  picture = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
  element = {'source': picture, 'target': picture, 'driver': picture, 'source_parts': picture[..., 0]}
  changed = picture_augment.jittered(element, np.random.default_rng(2), 1.0)
  assert changed['source'].dtype == np.uint8 and changed['source'].shape == picture.shape
  assert np.abs(changed['source'].astype(int) - picture).mean() > 2
  np.testing.assert_array_equal(changed['source'], changed['target'])
  np.testing.assert_array_equal(changed['source'], changed['driver'])
  assert changed['source_parts'] is element['source_parts']
  weak = picture_augment.jittered(element, np.random.default_rng(2), 0.1)['source'].astype(int)
  assert np.abs(weak - picture).mean() < 0.3 * np.abs(changed['source'].astype(int) - picture).mean()


def test_jitter_changes_pictures_of_several_sizes_alike_and_no_absent_ones():
  shades = np.random.default_rng(1).integers(1, 256, (4, 4, 3), np.uint8)
  large, small = (shades.repeat(n, 0).repeat(n, 1) for n in (8, 4))
  frames = np.stack([small, small])
  element = {'source': large, 'target': large, 'clip_frames': frames}
  changed = picture_augment.jittered(element, np.random.default_rng(2), 1.0)
  np.testing.assert_array_equal(changed['source'][::2, ::2], changed['clip_frames'][1])
  assert np.any(changed['source'] != large)
  element['clip_frames'] = np.zeros_like(frames)
  without = picture_augment.jittered(element, np.random.default_rng(2), 1.0)
  assert not without['clip_frames'].any()
  np.testing.assert_array_equal(without['source'], changed['source'])


def test_the_share_of_mirror_images_and_the_same_flips_at_any_jitter():
  element = {'image': np.arange(48, dtype=np.uint8).reshape(1, 16, 3)}
  seen = mirrored = picture_augment.mirrored(element)['image']
  flipped = []
  for seed in range(200):
    seen = picture_augment.augment(element, np.random.default_rng(seed), flips=0.25)['image']
    assert np.array_equal(seen, element['image']) or np.array_equal(seen, mirrored)
    flipped.append(np.array_equal(seen, mirrored))
    both = picture_augment.augment(element, np.random.default_rng(seed), flips=0.25, color_jitter=1e-6)[
      'image'
    ]
    np.testing.assert_array_equal(both, seen)
  assert 0.17 < np.mean(flipped) < 0.33
