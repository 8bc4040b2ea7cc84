"""Glasses, jewelry and hats on a person."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.media.landmark_indices import LEFT_BROW
from seetalk_jax.synthetic.human import landmarks, mesh, rig
from seetalk_jax.synthetic.human.mesh import MeshPart
from seetalk_jax.synthetic.human.outfit import dress, eyewear, headwear, jewelry, styles, surface

# Compiled once for both people: step by step, every operation is compiled on its own.
_wear_glasses, _wear_jewelry, _wear_hat = (jax.jit(part.wear) for part in (eyewear, jewelry, headwear))
_body, _head = jax.jit(surface.body), jax.jit(surface.head)


def _floats(values):
  return jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), values)


@pytest.fixture(scope='module', params=['caucasian-female-young', 'african-male-young'])
def vertices(request):
  shape = mesh.load().shaped({request.param: 1.0})
  return np.asarray(rig.fine_head().apply(shape), np.float32)


def test_lenses_stand_before_the_eyes_and_temples_reach_the_ears(vertices):
  pieces = {
    name: np.asarray(p.points) for name, p in _wear_glasses(_floats(styles.spectacles()), vertices).items()
  }
  fine = rig.fine_head().mesh
  for side, part in (('left', MeshPart.LEFT_EYE), ('right', MeshPart.RIGHT_EYE)):
    eye, lens = vertices[fine.parts == part], pieces[f'{side}_lens']
    assert lens[..., 2].min() > eye[:, 2].max() + 0.03
    middle = eye.mean(0)
    assert np.linalg.norm(lens[0, 0, :2] - middle[:2]) < 0.12
    ears = vertices[(fine.masks['ears'] > 0.5) & (np.sign(vertices[:, 0]) == np.sign(middle[0]))]
    end = pieces[f'{side}_temple'][-1].mean(0)
    assert np.linalg.norm(ears - end, axis=1).min() < 0.25
    top = pieces[f'{side}_temple'][10].mean(0)
    assert 0 < top[1] - ears[:, 1].max() + 0.03 < 0.08
  nose = vertices[(np.abs(vertices[:, 0]) < 0.04) & (vertices[:, 2] > 1.3)]
  bridge = pieces['bridge'][4]
  near = nose[np.abs(nose[:, 1] - bridge[:, 1].mean()) < 0.05]
  assert bridge[:, 2].max() > near[:, 2].max()


def test_usual_rims_leave_the_brows_free(vertices):
  pieces = eyewear.wear(_floats(styles.spectacles()), vertices)
  brows = landmarks.landmarks(jnp.asarray(vertices))[jnp.asarray(LEFT_BROW)]
  assert np.asarray(pieces['left_rim'].points)[..., 1].max() < brows[:5, 1].mean()


def test_tubes_and_lenses_face_outwards(vertices):
  pieces = {
    name: np.asarray(p.points) for name, p in _wear_glasses(_floats(styles.spectacles()), vertices).items()
  }
  for name, points in pieces.items():
    normals = np.cross(np.diff(points, axis=0)[:, :-1], np.diff(points, axis=1)[:-1])
    if name.endswith('lens'):
      assert (normals[1:, :, 2] > 0).all(), name
    elif name != 'upper_bridge':
      outwards = points[:-1, :-1] - points[:-1, :-1].mean(1, keepdims=True)
      assert ((normals * outwards).sum(-1) > 0).mean() > 0.9, name


def test_earrings_hang_at_the_lobes(vertices):
  fine = rig.fine_head().mesh
  own = _body(vertices, mesh.vertex_normals(vertices, fine.triangles), rig.topology().turning)
  pieces = _wear_jewelry(_floats(styles.jewels(stud=1, hoop=1)), vertices, own)
  ears = vertices[fine.masks['ears'] > 0.5]
  for side, sign in (('left', 1), ('right', -1)):
    points = np.asarray(pieces[f'{side}_stud'].points).reshape(-1, 3)
    assert (np.sign(points[:, 0]) == sign).all()
    assert np.linalg.norm(ears[:, None] - points[None], axis=-1).min() < 0.05
    hoop = np.asarray(pieces[f'{side}_hoop'].points)
    assert hoop[..., 1].max() < ears[:, 1].min() + 0.2
  assert (np.ptp(np.asarray(pieces['pendant'].points), (0, 1)) == 0).all()  # no necklace


def test_hats_hide_the_hair_above_their_edge_only():
  points = jnp.asarray([[0, 8.5, 0.4], [0.5, 8.2, 0.2], [0, 7.2, 1.4], [0.6, 6.0, 0.2]], jnp.float32)
  for changes, wanted in (
    ({}, [1, 1, 0, 0]), ({'present': 0}, [0, 0, 0, 0]), ({'all_hair': 1}, [1, 1, 1, 1]), ({'band': 0.3}, [0, 0, 0, 0]),
  ):  # fmt: skip
    outfit = _floats(styles.outfit(hat=styles.headwear(**changes)))
    np.testing.assert_array_equal(dress.covered(outfit, points), np.asarray(wanted, bool), str(changes))


def test_hats_lie_outside_of_the_head(vertices):
  own = _head(jnp.asarray(vertices))
  points = np.asarray(_wear_hat(_floats(styles.headwear(wave=0.0)), own)['hat'].points)[:-1]
  offset = (points - np.asarray(surface.MIDDLE)).reshape(-1, 3)
  length = np.linalg.norm(offset, axis=1)
  skull = (vertices - np.asarray(surface.MIDDLE))[rig.fine_head().mesh.masks['ears'] < 0.02]
  radius = np.linalg.norm(skull, axis=1)
  nearest = (offset / length[:, None]) @ (skull / radius[:, None]).T
  assert (length > radius[nearest.argmax(1)] + 0.02).all()


def test_temples_of_narrow_glasses_run_back_and_not_sideways(vertices):
  """They ran sideways to the width of the head first and were seen beside the face."""
  pieces = _wear_glasses(_floats(styles.spectacles(width=0.18)), vertices)
  lens, temple = (np.asarray(pieces[f'left_{name}'].points) for name in ('lens', 'temple'))
  middle = temple.mean(1)
  beside = middle[middle[:, 2] > lens[..., 2].min() - 0.1]
  assert len(beside) and beside[:, 0].max() < lens[..., 0].max() + 0.13
  assert (np.diff(middle[:10, 0]) > -0.01).all()
