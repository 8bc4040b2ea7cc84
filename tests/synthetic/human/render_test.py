"""Renderer of the human world."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from seetalk_jax import blendshapes
from seetalk_jax.constants import Part
from seetalk_jax.synthetic import speakers
from seetalk_jax.synthetic.human import flow, people, person, render, rig, scene, skin

SIZE = 64
# Compiling the renderer takes a minute.
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def staged():
  """(appearance, baked person, scene)."""
  appearance = people.sample(speakers.sample_speaker(3), 3)
  chin = appearance.shape[:, 1].min() + 1.8
  place = scene.sample_scene(
    np.random.default_rng(2), np.float32(people.EYES), np.float32([0, chin, 1.4]), jitter=0.0
  )
  return appearance, person.bake(appearance), place


@pytest.fixture(scope='module')
def drawn(staged):
  arrays = person.shared()
  _, baked, place = staged
  run = jax.jit(render.render, static_argnames='size')

  dark = place._replace(lights=place.lights._replace(colors=jnp.zeros_like(place.lights.colors)))

  people_drawn = {3: baked}

  def draw(angles=(0, 0, 0), *, keys=True, speaker=3, **coefficients):
    if speaker not in people_drawn:
      people_drawn[speaker] = person.bake(people.sample(speakers.sample_speaker(speaker), speaker))
    values = np.zeros(len(blendshapes.NAMES), np.float32)
    for name, value in coefficients.items():
      values[blendshapes.INDEX[name]] = value
    pose = rig.Pose(jnp.asarray(angles, jnp.float32), jnp.zeros(3))
    return run(people_drawn[speaker], jnp.asarray(values), pose, place if keys else dark, arrays, size=SIZE)

  return draw


def test_a_picture_has_all_parts_and_the_same_bytes_twice(drawn):
  first, second = drawn(jawOpen=0.5), drawn(jawOpen=0.5)
  jax.tree.map(np.testing.assert_array_equal, first, second)
  image = np.asarray(first.image)
  assert image.shape == (SIZE, SIZE, 3) and 0 <= image.min() < image.max() <= 1
  found = set(np.unique(first.part))
  assert {Part.BACKGROUND, Part.SKIN, Part.LIP, Part.EYE, Part.MOUTH, Part.NECK} <= found


def test_places_are_those_of_the_triangles(drawn):
  found = drawn()
  arrays = person.shared()
  head = np.asarray(arrays.triangles).max(1) < len(arrays.rest)
  shown = (np.asarray(found.triangle) >= 0) & head[np.asarray(found.triangle)]
  corners = np.asarray(arrays.rest)[np.asarray(arrays.triangles)[np.asarray(found.triangle)[shown]]]
  wanted = (corners * np.moveaxis(np.asarray(found.weights), 0, -1)[shown][..., None]).sum(1)
  np.testing.assert_allclose(np.asarray(found.place)[shown], wanted, atol=1e-4)


@pytest.mark.parametrize('speaker', [3, 12, 23])
def test_teeth_do_not_come_through_the_skin_of_a_closed_smile(drawn, speaker):
  shown = drawn(speaker=speaker, mouthSmileLeft=1, mouthSmileRight=1)
  arrays = person.shared()
  triangles = np.asarray(shown.triangle)
  corners = np.asarray(arrays.triangles)[triangles[triangles >= 0]]
  teeth = np.pad(arrays.regions.teeth, (0, corners.max() + 1)) > 0
  assert not teeth[corners].all(1).any()


@pytest.mark.parametrize(('part', 'closer'), [(Part.SKIN, 0.03), (Part.HAIR, 0.15)])
def test_flow_leads_to_the_same_place_on_the_head(drawn, part, closer):
  first, second = drawn(), drawn((0.15, -0.05, 0.05), jawOpen=0.4)
  step, holds = (np.asarray(a) for a in flow.flow(first, second, person.shared()))
  assert holds.mean() > 0.3
  rows, columns = np.nonzero(holds & (np.asarray(first.part) == part))
  there = np.stack([columns, rows], -1) + step[rows, columns]
  column, row = np.round(there).astype(int).clip(0, SIZE - 1).T
  same = np.asarray(second.part)[row, column] == part
  off = np.asarray(second.place)[row, column] - np.asarray(first.place)[rows, columns]
  # Half a pixel is 0.02 decimeters on a surface that faces the camera; strands of hair lie behind each other.
  assert same.sum() > 20 and np.median(np.linalg.norm(off[same], axis=-1)) < closer


def test_flow_to_itself_is_zero(drawn):
  still = drawn()
  step, holds = flow.flow(still, still, person.shared())
  assert not np.asarray(step).any()
  shown = (np.asarray(still.triangle) >= 0) | (np.asarray(still.piece) >= 0)
  assert np.asarray(holds)[shown].mean() > 0.95


def test_a_turned_head_moves_the_face_to_the_persons_left(drawn):
  def middle(picture):
    return np.nonzero(np.asarray(picture.part) == Part.LIP)[1].mean()

  assert middle(drawn((0.4, 0, 0))) > middle(drawn()) + 2


def test_a_turned_head_leaves_the_relief_of_the_chest_in_place(drawn):
  arrays = person.shared()
  # Without key lights, no shadow of the head moves over the chest.
  first, second = drawn(keys=False), drawn((0.9, 0, 0), keys=False)
  moved = np.abs(np.asarray(first.vertices - second.vertices)).max(-1)
  triangle = np.asarray(first.triangle)
  chest = (triangle >= 0) & (triangle == np.asarray(second.triangle))
  chest &= moved[np.asarray(arrays.triangles)].max(1)[triangle] < 1e-5
  # Hair between the upper left samples has no label.
  for picture in (first, second):
    chest &= scipy.ndimage.maximum_filter(np.asarray(picture.part) == Part.HAIR, 5) == 0
  assert chest.sum() > 50
  np.testing.assert_allclose(np.asarray(first.image)[chest], np.asarray(second.image)[chest], atol=1e-3)


@pytest.mark.proof  # compiles for minutes
def test_gradients_flow_through_shading(staged):
  appearance, baked, place = staged
  arrays = person.shared()

  def brightness(melanin, environment, keys, coefficients):
    own = appearance.skin._replace(melanin=melanin)
    maps = skin.bake(jax.tree.map(jnp.asarray, own), arrays.atlas).maps
    textures = baked.textures.at[:, : maps.shape[1]].set(maps)
    lights = place.lights._replace(environment=environment, colors=keys)
    still = rig.Pose(jnp.zeros(3), jnp.zeros(3))
    posed = baked._replace(textures=textures)
    shown = render.render(posed, coefficients, still, place._replace(lights=lights), arrays, size=16)
    return shown.image.mean()

  opened = jnp.zeros(len(blendshapes.NAMES)).at[blendshapes.INDEX['jawOpen']].set(0.3)
  values = appearance.skin.melanin, place.lights.environment, place.lights.colors, opened
  gradients = jax.jit(jax.grad(brightness, (0, 1, 2, 3)))(*map(jnp.asarray, values))
  for name, gradient in zip(('melanin', 'environment', 'keys', 'coefficients'), gradients, strict=True):
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-5, name
  # Darker skin and darker light make a darker picture.
  assert gradients[0] < 0 and gradients[1][0].min() > 0
