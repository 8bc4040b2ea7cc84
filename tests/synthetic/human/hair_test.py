"""Hair: strands stay outside of head, neck and shoulders, and styles do what their parameters say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial

from seetalk_jax.synthetic.human import hair, rig
from seetalk_jax.synthetic.human import mesh as meshes

_PLAIN = hair.Style(
  **{**dict.fromkeys(hair.Style._fields, 0.0), 'whorl': 1.0, 'lift': 0.4, 'density': 1.0, 'border': 7.7},
  **{},
)._replace(blend=0.25, side=1.0, nape=1.0, open=0.55, volume=0.06, tail_width=0.15, stiffness=0.3)


@pytest.fixture(scope='module')
def grow():
  vertices = jnp.asarray(rig.fine_head().mesh.vertices)
  normals = rig.vertex_normals(vertices, rig.topology().triangles)
  grown = jax.jit(hair.grow)

  def one(**values):
    style = jax.tree.map(jnp.float32, _PLAIN._replace(**values))
    return jax.tree.map(np.asarray, grown(vertices, normals, style, hair.roots()))

  return one


def growing(points):
  """The strands that are there."""
  return points[np.ptp(points, axis=1).max(-1) > 0]


def depth_in_skin(points):
  """How far points lie below the nearest vertex of the skin, along its normal."""
  fine = rig.fine_head().mesh
  skin = (
    (fine.parts == meshes.MeshPart.SKIN) & (fine.masks['mouth_inside'] < 0.1) & (fine.masks['ears'] < 0.1)
  )
  normals = meshes.vertex_normals(fine.vertices, fine.triangles)[skin]
  _, nearest = scipy.spatial.cKDTree(fine.vertices[skin]).query(points)
  return -((points - fine.vertices[skin][nearest]) * normals[nearest]).sum(-1)


@pytest.mark.parametrize(
  'style',
  [
    dict(length=0.3),
    dict(length=3.0, outward=1.0, stiffness=0.1, front=0.5),
    dict(length=1.0, tied=1.0, tie=0.4, tail=2.0),
  ],
)
def test_hair_stays_out_of_head_neck_and_shoulders(grow, style):
  points = growing(grow(**style).points)
  assert len(points) > 0.9 * hair.NUM_STRANDS
  flat = points[::4].reshape(-1, 3)
  flat = flat[flat[:, 1] > 4.6]  # the mesh ends at 4.4
  depth = depth_in_skin(flat)
  assert (depth > 0.03).mean() < 0.002
  # No strand is thrown aside by the collision.
  step = np.linalg.norm(np.diff(points, axis=1), axis=-1)
  assert np.quantile(step, 0.999) < 3 * step.mean()
