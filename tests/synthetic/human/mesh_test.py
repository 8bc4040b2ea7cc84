"""Head mesh: symmetry, parts, masks, what each ARKit blendshape moves, and that a portrait crop shows no open edge."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from seetalk_jax import blendshapes, errors
from seetalk_jax.synthetic.human import mesh
from seetalk_jax.synthetic.human.mesh import MeshPart

HEAD = mesh.load()
MIRRORED = np.array([-1, 1, 1], np.float32)


def moves(name: str) -> np.ndarray:
  """How far each vertex moves at coefficient 1, decimeters `[v]`."""
  return np.linalg.norm(HEAD.units[blendshapes.INDEX[name]], axis=1)


def test_neutral_mesh_is_symmetric():
  np.testing.assert_array_equal(HEAD.mirror[HEAD.mirror], np.arange(len(HEAD.mirror)))
  np.testing.assert_allclose(HEAD.vertices[HEAD.mirror], HEAD.vertices * MIRRORED, atol=1e-3)
  triangles = {tuple(corners) for corners in np.sort(HEAD.triangles, 1)}
  assert {tuple(corners) for corners in np.sort(HEAD.mirror[HEAD.triangles], 1)} == triangles
  for name, mask in HEAD.masks.items():
    np.testing.assert_array_equal(mask[HEAD.mirror], mask, err_msg=name)
  swapped = {MeshPart.LEFT_EYE: MeshPart.RIGHT_EYE, MeshPart.RIGHT_EYE: MeshPart.LEFT_EYE}
  np.testing.assert_array_equal(HEAD.parts[HEAD.mirror], [swapped.get(part, part) for part in HEAD.parts])


def test_left_is_the_persons_left_at_positive_x():
  # The nose points to +z and the crown to +y, so the person's left is +x.
  skin = HEAD.vertices[HEAD.parts == MeshPart.SKIN]
  face = skin[skin[:, 1] > 6.5]
  assert face[:, 2].max() == pytest.approx(1.68, abs=0.02) and abs(face[face[:, 2].argmax(), 0]) < 1e-3
  assert (HEAD.vertices[HEAD.parts == MeshPart.LEFT_EYE, 0] > 0).all()
  assert (HEAD.vertices[HEAD.parts == MeshPart.RIGHT_EYE, 0] < 0).all()
  assert HEAD.units[blendshapes.INDEX['jawLeft']][HEAD.chin, 0] > 0.03
  assert HEAD.units[blendshapes.INDEX['mouthRight']][HEAD.masks['lips'] > 0.9, 0].mean() < -0.03


def test_places_stated_in_the_documentation():
  eye = HEAD.vertices[HEAD.parts == MeshPart.LEFT_EYE].mean(0)
  np.testing.assert_allclose(eye, [0.31, 7.28, 1.25], atol=0.01)
  np.testing.assert_allclose(HEAD.vertices[HEAD.chin], [0, 6.23, 1.46], atol=0.01)
  np.testing.assert_allclose(HEAD.vertices[HEAD.hairline], [0, 8.01, 1.39], atol=0.01)
  assert HEAD.face_height(HEAD.vertices) == pytest.approx(1.79, abs=0.005)
  assert HEAD.vertices[:, 1].max() == pytest.approx(8.49, abs=0.005)


def test_parts_have_no_vertex_in_common_and_all_vertices_are_used():
  parts = HEAD.parts[HEAD.triangles]
  assert (parts == parts[:, :1]).all()
  np.testing.assert_array_equal(np.unique(HEAD.triangles), np.arange(len(HEAD.vertices)))
  assert set(HEAD.parts) == set(MeshPart)
  counts = [(HEAD.triangle_parts == part).sum() for part in MeshPart]
  assert sum(counts) == len(HEAD.triangles) and min(counts) > 50
  assert HEAD.uv_triangles.shape == HEAD.triangles.shape and HEAD.uv_triangles.max() < len(HEAD.uv)


def test_normals_point_outward():
  normals = mesh.vertex_normals(HEAD.vertices, HEAD.triangles)
  np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
  scalp = HEAD.masks['scalp'] > 0.9
  assert scalp.sum() > 200
  assert ((HEAD.vertices[scalp] - (0, 7.4, 0.5)) * normals[scalp]).sum(1).min() > 0
  for part in (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE):
    eye = HEAD.parts == part
    assert ((HEAD.vertices[eye] - HEAD.vertices[eye].mean(0)) * normals[eye]).sum(1).min() > 0


def test_areas_and_normals_of_known_triangles():
  vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0]], np.float32)
  triangles = np.array([[0, 1, 2]])
  np.testing.assert_allclose(mesh.triangle_areas(vertices, triangles), [3])
  np.testing.assert_allclose(mesh.vertex_normals(vertices, triangles), [[0, 0, 1]] * 3)


def test_masks():
  for name, mask in HEAD.masks.items():
    assert mask.shape == (len(HEAD.vertices),) and 0 <= mask.min() and mask.max() <= 1, name
    part = np.isin(HEAD.parts, [3, 4]) if name == 'gums' else HEAD.parts == MeshPart.SKIN
    assert not mask[~part].any() and (mask[part] > 0.5).sum() > 10, name
  regions = [HEAD.masks[name] > 0.5 for name in ('scalp', 'brows', 'beard', 'ears', 'mouth_inside')]
  for one, other in itertools.combinations(regions, 2):
    assert not (one & other).any()
  brows, eyelids, lips = (HEAD.masks[name] > 0.5 for name in ('brows', 'eyelids', 'lips'))
  height = HEAD.vertices[:, 1]
  assert height[brows].min() > height[eyelids].max() > height[eyelids].min() > height[lips].max()
  # The biting edges are teeth; the gums are beyond them.
  for part, sign in ((MeshPart.UPPER_TEETH, 1), (MeshPart.LOWER_TEETH, -1)):
    front = (HEAD.parts == part) & (HEAD.vertices[:, 2] > 1.35)
    order = np.argsort(sign * height * front)
    gums = HEAD.masks['gums'][order][front[order]]
    assert gums[: len(gums) // 5].max() < 0.2 and gums[-len(gums) // 5 :].min() > 0.7


def test_units_are_the_arkit_blendshapes_and_each_moves_its_region():
  assert HEAD.units.shape == (52, len(HEAD.vertices), 3)
  for name in blendshapes.NAMES:
    moved = moves(name)
    assert 0.02 < moved.max() < 0.5, name
    assert moved[HEAD.masks['scalp'] > 0.95].max() < 0.004, name
    assert moved[HEAD.vertices[:, 1] < 5.8].max() < 0.002, name


def test_jaw_open_moves_chin_lower_teeth_and_tongue():
  moved = HEAD.units[blendshapes.INDEX['jawOpen']]
  assert moved[HEAD.chin, 1] < -0.1
  assert moved[HEAD.parts == MeshPart.LOWER_TEETH, 1].max() < -0.05
  assert moved[HEAD.parts == MeshPart.TONGUE, 1].mean() < -0.05
  for part in (MeshPart.UPPER_TEETH, MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE, MeshPart.UPPER_LASHES):
    assert not moved[HEAD.parts == part].any()


def test_mouth_close_closes_the_lips_of_an_open_jaw():
  middle = (np.abs(HEAD.vertices[:, 0]) < 1e-3) & (HEAD.masks['lips'] > 0.9) & (HEAD.vertices[:, 2] > 1.52)
  lips = np.flatnonzero(middle)
  upper, lower = HEAD.vertices[lips, 1] > 6.607, HEAD.vertices[lips, 1] < 6.607

  def gap(*names: str) -> float:
    heights = (HEAD.vertices + sum(HEAD.units[blendshapes.INDEX[name]] for name in names))[lips, 1]
    return heights[upper].min() - heights[lower].max()

  assert gap('jawOpen') > 0.3
  assert 0 < gap('jawOpen', 'mouthClose') < 0.02


def test_blink_lowers_the_upper_lid_of_its_eye():
  moved = HEAD.units[blendshapes.INDEX['eyeBlinkLeft']]
  left = HEAD.vertices[:, 0] > 0
  lashes = HEAD.parts == MeshPart.UPPER_LASHES
  assert moved[lashes & left, 1].mean() < -0.05
  assert not moved[lashes & ~left].any()
  assert np.abs(moved[(HEAD.masks['eyelids'] > 0.1) & ~left]).max() < 0.001


def test_gaze_units_turn_the_eyeball_of_their_side():
  for name, axis, sign in [
    ('eyeLookUpLeft', 1, 1),
    ('eyeLookDownLeft', 1, -1),
    ('eyeLookInLeft', 0, -1),
    ('eyeLookOutLeft', 0, 1),
    ('eyeLookInRight', 0, 1),
    ('eyeLookOutRight', 0, -1),
  ]:
    eye, other = (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE)[:: 1 if name.endswith('Left') else -1]
    moved = HEAD.units[blendshapes.INDEX[name]]
    assert not moved[HEAD.parts == other].any()
    places = HEAD.vertices[HEAD.parts == eye]
    turned = places + moved[HEAD.parts == eye]
    front, back = places[:, 2].argmax(), places[:, 2].argmin()
    gaze = turned[front] - turned[back]
    angle = np.degrees(np.arctan2(sign * gaze[axis], gaze[2]))
    assert 8 < angle < 18, (name, angle)


def test_units_of_a_pair_are_mirror_images():
  mirrored = HEAD.units[list(blendshapes.MIRROR)][:, HEAD.mirror] * MIRRORED
  difference = np.abs(mirrored - HEAD.units).max((1, 2))
  # The source's lip shapes are up to 2 mm off; all others agree within 0.2 mm.
  lips = {
    'mouthFunnel': 0.023,
    'mouthSmileLeft': 0.012,
    'mouthSmileRight': 0.012,
    'jawOpen': 0.009,
    'mouthClose': 0.009,
  }
  for name, value in zip(blendshapes.NAMES, difference, strict=True):
    assert value < lips.get(name, 0.0045 if name == 'mouthShrugLower' else 0.0025), name


def test_macro_targets_are_complete_and_shape_a_person():
  races, sexes, ages = ('african', 'asian', 'caucasian'), ('female', 'male'), ('young', 'old')
  sizes = ('min', 'average', 'max')
  expected = {'-'.join(names) for names in itertools.product(races, sexes, ages)}
  expected |= {
    f'universal-{sex}-{age}-{muscle}muscle-{weight}weight'
    for sex, age, muscle, weight in itertools.product(sexes, ages, sizes, sizes)
  }
  assert set(HEAD.macro) == expected
  assert len(HEAD.detail) > 300 and all(len(target.vertices) for target in HEAD.detail.values())
  person = HEAD.shaped({'asian-female-old': 1.0, 'nose-width1-incr': 0.5})
  assert person.dtype == np.float32 and np.abs(person - HEAD.vertices).max() > 0.1
  np.testing.assert_allclose(person[HEAD.mirror], person * MIRRORED, atol=0.02)
  with pytest.raises(ValueError, match='nose-of-a-clown'):
    HEAD.shaped({'nose-of-a-clown': 1.0})


def test_portrait_crop_shows_no_open_edge():
  """The crop has the eyes at 43 % of its height and a side of 2.6 distances from eyes to chin."""
  sides = np.sort(HEAD.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
  edges, count = np.unique(sides, axis=0, return_counts=True)
  border = np.unique(edges[count == 1])
  border = border[HEAD.parts[border] == MeshPart.SKIN]
  assert len(border) > 50
  eyes = np.isin(HEAD.parts, [MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE])
  for name in HEAD.macro:
    if name.startswith('universal'):
      continue
    sex_and_age = name.split('-', 1)[1]
    for muscle, weight in itertools.product(('min', 'max'), repeat=2):
      person = HEAD.shaped({name: 1, f'universal-{sex_and_age}-{muscle}muscle-{weight}weight': 1})
      person = person - person[eyes].mean(0)
      unit = -person[HEAD.chin, 1]
      scale = 6.5 / (6.5 * unit - person[border, 2]) / 2.6  # a lens at 6.5 units before the eyes
      across = np.abs(person[border, 0]) * scale - 0.5
      down = 0.43 - person[border, 1] * scale - 1
      assert np.maximum(across, down).min() > 0.07, name


def test_arrays_are_read_only_and_loaded_once():
  assert mesh.load() is HEAD
  with pytest.raises(ValueError, match='read-only'):
    HEAD.vertices[0] = 0
  with pytest.raises(ValueError, match='read-only'):
    HEAD.masks['lips'][0] = 0


def test_missing_file_is_reported(monkeypatch, tmp_path):
  monkeypatch.setattr(mesh, 'ASSET', tmp_path / 'head.npz')
  with pytest.raises(errors.InputError, match='no head mesh'):
    mesh.load.__wrapped__()


def test_import_does_not_need_jax():
  code = (
    'import sys; from seetalk_jax.synthetic.human import mesh; mesh.load(); assert "jax" not in sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True)
