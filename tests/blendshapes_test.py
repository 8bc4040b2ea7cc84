"""ARKit blendshapes: 52 names in Apple's order, mirror pairs, regions, gaze."""

import subprocess
import sys

import numpy as np
import pytest

from seetalk_jax import blendshapes

# First columns, and others that are not in alphabetical order, of a CSV file of Live Link Face.
LIVE_LINK = {
  0: 'EyeBlinkLeft',
  1: 'EyeLookDownLeft',
  7: 'EyeBlinkRight',
  14: 'JawForward',
  15: 'JawRight',
  16: 'JawLeft',
  17: 'JawOpen',
  18: 'MouthClose',
  21: 'MouthRight',
  22: 'MouthLeft',
  41: 'BrowDownLeft',
  46: 'CheekPuff',
  51: 'TongueOut',
}


def test_names_are_those_of_arkit_in_the_order_of_live_link():
  assert len(set(blendshapes.NAMES)) == len(blendshapes.NAMES) == blendshapes.NUM_BLENDSHAPES == 52
  for index, column in LIVE_LINK.items():
    assert blendshapes.NAMES[index] == column[0].lower() + column[1:]
  assert [blendshapes.INDEX[name] for name in blendshapes.NAMES] == list(range(52))


def test_mirror_swaps_left_and_right_and_is_its_own_inverse():
  assert [blendshapes.MIRROR[index] for index in blendshapes.MIRROR] == list(range(52))
  for name, mirrored in zip(blendshapes.NAMES, blendshapes.MIRROR, strict=True):
    one_sided = name.endswith(('Left', 'Right'))
    assert (blendshapes.NAMES[mirrored] != name) == one_sided
  assert blendshapes.mirrored_name('eyeLookInLeft') == 'eyeLookInRight'
  assert blendshapes.mirrored_name('jawOpen') == 'jawOpen'
  with pytest.raises(ValueError, match='unknown blendshape'):
    blendshapes.mirrored_name('_neutral')


def test_regions_divide_the_names():
  members = [index for region in blendshapes.REGIONS.values() for index in region]
  assert sorted(members) == list(range(52))
  counts = {region.name: len(indices) for region, indices in blendshapes.REGIONS.items()}
  assert counts == {'EYES': 14, 'JAW': 4, 'MOUTH': 23, 'BROWS': 5, 'CHEEKS': 3, 'NOSE': 2, 'TONGUE': 1}


def test_mediapipe_scores_all_but_the_tongue():
  assert set(blendshapes.NAMES) - set(blendshapes.MEDIAPIPE_NAMES) == {'tongueOut'}
  assert len(blendshapes.MEDIAPIPE_NAMES) == 51


def test_gaze_is_positive_to_the_persons_left_and_up():
  def gaze(**look):
    coefficients = np.zeros(52, np.float32)
    for name, value in look.items():
      coefficients[blendshapes.INDEX[f'eyeLook{name}']] = value
    return tuple(round(float(part), 5) for part in blendshapes.gaze(coefficients))

  # The left eye turns out and the right eye turns in to see what is on the person's left.
  assert gaze(OutLeft=0.5, InRight=0.3) == (0.4, 0.0) and gaze(InLeft=1, OutRight=1) == (-1.0, 0.0)
  assert gaze(UpLeft=0.2, UpRight=0.4) == (0.0, 0.3) and gaze(DownLeft=1, DownRight=1) == (0.0, -1.0)
  assert gaze(InLeft=0.6, InRight=0.6) == (0.0, 0.0)  # both eyes on the nose
  left, up = blendshapes.eye_turn(np.eye(52), 'Left', blendshapes.EYE_LOOK_DEGREES)
  assert left[blendshapes.INDEX['eyeLookOutLeft']] == 15 and up[blendshapes.INDEX['eyeLookDownLeft']] == -11
  assert len(blendshapes.EYE_LOOKS) == 8 and not up[blendshapes.INDEX['eyeLookUpRight']]


def test_gaze_follows_the_acting_and_is_turned_around_by_the_mirror():
  from seetalk_jax.synthetic.acting import eyes

  rng = np.random.default_rng(0)
  angles, coefficients = rng.uniform(-0.15, 0.15, (40, 2)), np.zeros((40, 52))
  eyes.look(coefficients, angles, np.zeros((40, 3)))
  horizontal, vertical = blendshapes.gaze(coefficients)
  for found, wanted in ((horizontal, angles[:, 0]), (vertical, angles[:, 1])):
    assert np.corrcoef(found, wanted)[0, 1] > 0.99 and (np.sign(found) == np.sign(wanted)).mean() > 0.9
  mirrored = blendshapes.gaze(coefficients[:, list(blendshapes.MIRROR)])
  np.testing.assert_allclose(mirrored, [-horizontal, vertical], atol=1e-6)


def test_import_needs_neither_jax_nor_numpy():
  code = (
    'import sys; import seetalk_jax.blendshapes; assert not {"jax", "numpy"} & set(sys.modules), sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True)
