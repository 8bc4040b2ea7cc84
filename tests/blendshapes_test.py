"""ARKit blendshapes: 52 names in Apple's order, mirror pairs, regions."""

import subprocess
import sys

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


def test_import_needs_neither_jax_nor_numpy():
  code = (
    'import sys; import seetalk_jax.blendshapes; assert not {"jax", "numpy"} & set(sys.modules), sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True)
