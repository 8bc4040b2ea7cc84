"""Surfaces that clothes follow."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import mesh, rig
from seetalk_jax.synthetic.human.outfit import surface


@pytest.fixture(scope='module')
def person():
  fine = rig.fine_head().mesh
  return jnp.asarray(fine.vertices), jnp.asarray(mesh.vertex_normals(fine.vertices, fine.triangles))


@pytest.fixture(scope='module')
def body(person):
  return surface.body(*person, rig.topology().turning)


def test_places_lie_on_the_body_where_the_coordinates_say(person, body):
  theta = jnp.asarray([0.0, 1.57, -1.57, 3.14, 0.6])
  found = surface.on_body(body, theta, jnp.full(5, 1.6))
  nearest = np.linalg.norm(np.asarray(found.place)[:, None] - np.asarray(person[0])[None], axis=-1).min(1)
  assert (nearest < 0.12).all()
  x, z = np.asarray(found.place)[:, 0], np.asarray(found.place)[:, 2]
  assert z[0] > 0.7 and x[1] > 0.8 and x[2] < -0.8 and z[3] < -0.2 and x[4] > 0.2


def test_points_above_the_surface_lie_outside_of_the_skin(person, body):
  theta, q = jnp.meshgrid(jnp.linspace(-3, 3, 25), jnp.linspace(1.0, 2.2, 9))
  points = np.asarray(surface.on_body(body, theta, q).above(0.05)).reshape(-1, 3)
  vertices, normals = np.asarray(person[0]), np.asarray(person[1])
  skin = rig.fine_head().mesh.parts == mesh.MeshPart.SKIN
  vertices, normals = vertices[skin], normals[skin]
  nearest = np.linalg.norm(points[:, None] - vertices[None], axis=-1).argmin(1)
  height = ((points - vertices[nearest]) * normals[nearest]).sum(1)
  assert height.min() > 0.01


def test_shares_of_the_turn_are_those_of_the_skin(body):
  found = surface.on_body(body, jnp.zeros(2), jnp.asarray([0.6, 2.2]))
  assert found.turning[0] > 0.2 and found.turning[1] < 0.02


def test_the_head_has_its_radius(person):
  own = surface.head(person[0])
  crown = jnp.asarray([0.0, 1.0, 0.0])
  height = np.asarray(person[0])[:, 1].max() - surface.MIDDLE[1]
  assert surface.head_radius(own, crown) == pytest.approx(height, abs=0.06)
