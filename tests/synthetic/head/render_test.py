"""Rendered head: properties that the corpora depend on."""

import functools

import heads
import jax
import numpy as np
import pytest

from seetalk_jax.constants import Part
from seetalk_jax.synthetic import head
from seetalk_jax.synthetic.parameters import Motion

SIZE = 64  # pixels


def _render(motion: Motion, identity=None, settings=None) -> head.RenderedFrame:
  trees = (identity or heads.identity(), motion, settings or head.default_settings())
  batch = head.render_batch(*(heads.stack([tree]) for tree in trees), size=SIZE)
  return jax.tree.map(lambda leaf: np.asarray(leaf[0]), batch)


def _count(frame, part) -> int:
  return int((frame.parts == part).sum())


def test_same_arguments_give_the_same_picture_and_other_looks_another():
  speaker = heads.speaker(9, 1.0, 50.0)
  first, again = head.sample_identity(speaker, 3), head.sample_identity(speaker, 3)
  np.testing.assert_array_equal(head.identity_to_array(first), head.identity_to_array(again))
  other = head.sample_identity(speaker, 4)
  assert first.melanin != other.melanin
  assert first.nose_width == other.nose_width and first.age == other.age  # fixed per speaker
  np.testing.assert_array_equal(_render(heads.motion()).image, _render(heads.motion()).image)


def test_shapes_and_ranges():
  frame = _render(heads.motion())
  assert frame.image.shape == (SIZE, SIZE, 3) and frame.image.dtype == np.float32
  assert frame.canonical.shape == (SIZE // 4, SIZE // 4, 3)
  assert frame.parts.dtype == np.uint8
  assert 0.0 <= frame.image.min() and frame.image.max() <= 1.0
  assert set(np.unique(frame.parts)) <= {int(p) for p in Part}
  with pytest.raises(ValueError, match='multiple of 8'):
    head.render(heads.identity(), heads.motion(), head.default_settings(), size=60)


def test_mouth_opening_is_zero_at_rest_grows_with_the_jaw_and_obeys_closure():
  jaw = np.linspace(0.0, 1.0, 6, dtype=np.float32)
  zero = np.zeros_like(jaw)
  moving = Motion(*(jaw if name == 'jaw' else zero for name in Motion._fields))
  opening = np.asarray(head.mouth_opening(heads.identity(), moving))
  assert opening[0] == 0.0
  assert (np.diff(opening) > 0.01).all()
  closed = head.mouth_opening(heads.identity(), moving._replace(closure=zero + 1))
  np.testing.assert_allclose(closed, 0.0, atol=1e-6)
  assert _count(_render(heads.motion(jaw=1.0)), Part.MOUTH) > 0
  assert _count(_render(heads.motion(jaw=1.0, closure=1.0)), Part.MOUTH) == 0
  assert _count(_render(heads.motion()), Part.MOUTH) == 0


def test_a_blink_hides_only_its_eye():

  def eye(motion):
    return _render(motion).parts == Part.EYE

  half = SIZE // 8
  both = eye(heads.motion())
  assert both[:, :half].sum() > 0 and both[:, half:].sum() > 0
  assert eye(heads.motion(blink_left=1.0, blink_right=1.0)).sum() == 0
  left = eye(heads.motion(blink_left=1.0))  # the subject's left is on the picture's right
  assert left[:, half:].sum() == 0 and left[:, :half].sum() == both[:, :half].sum()


def test_landmarks_lie_on_their_parts():
  for motion in (heads.motion(jaw=0.9), heads.motion(jaw=0.9, yaw=0.3, roll=0.15, shift_x=0.1)):
    frame, points = _render(motion), heads.points(motion)

    def near(point, parts=frame.parts):
      """The labels within half a cell of a point."""
      x, y = point * parts.shape[0] - 0.5
      rows, columns = (int(np.floor(y)), int(np.floor(y)) + 1), (int(np.floor(x)), int(np.floor(x)) + 1)
      return {int(parts[row, column]) for row in rows for column in columns}

    # A turned eye may fall between the rows of this coarse grid.
    if float(motion.yaw) == 0.0:
      assert Part.EYE in near(points['left_eye']) and Part.EYE in near(points['right_eye'])
    assert Part.SKIN in near(points['nose_tip'])
    middle = 0.6 * points['upper_inner_lip'] + 0.4 * points['lower_inner_lip']
    assert Part.MOUTH in near(middle)
    assert points['lower_inner_lip'][1] - points['upper_inner_lip'][1] > 0.04


def test_the_same_skin_has_the_same_coordinate_in_every_pose():
  # Landmarks are fixed to the surface, so the map has constant coordinates at them.
  rest = heads.motion()
  moved = (
    heads.motion(yaw=0.25, pitch=0.1),
    heads.motion(roll=0.2, shift_x=0.15, shift_y=-0.1),
    heads.motion(jaw=0.6),
  )

  def read(motion, name):
    place = heads.points(motion)[name] * (SIZE // 4) - 0.5
    x, y = place
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    c = _render(motion).canonical[y0 : y0 + 2, x0 : x0 + 2]
    return (c[0, 0] * (1 - fx) + c[0, 1] * fx) * (1 - fy) + (c[1, 0] * (1 - fx) + c[1, 1] * fx) * fy

  for name in ('nose_tip', 'forehead_top'):
    expected = read(rest, name)
    for motion in moved:
      np.testing.assert_allclose(read(motion, name)[:2], expected[:2], atol=0.06)
  # The chin follows the jaw: its coordinate is constant although it moves by several cells.
  assert heads.points(moved[2])['chin'][1] - heads.points(rest)['chin'][1] > 0.04


def test_background_and_torso_stand_still():
  a, b = _render(heads.motion()), _render(heads.motion(yaw=0.3, jaw=0.5))
  still = (a.parts == Part.BACKGROUND) & (b.parts == Part.BACKGROUND)
  assert still.sum() > 20
  np.testing.assert_allclose(a.canonical[still], b.canonical[still], atol=1e-5)
  body = (a.parts == Part.BODY) & (b.parts == Part.BODY)
  assert body.sum() > 10
  np.testing.assert_allclose(a.canonical[body], b.canonical[body], atol=0.03)


def test_mirrored_motion_mirrors_the_labels():
  one = heads.motion(yaw=0.3, roll=0.1, gaze_yaw=0.2, blink_left=1.0, shift_x=0.1, jaw=0.4)
  other = heads.motion(yaw=-0.3, roll=-0.1, gaze_yaw=-0.2, blink_right=1.0, shift_x=-0.1, jaw=0.4)
  a, b = _render(one), _render(other)
  # Cells are centered between pixels but labeled by one of them, so outlines may differ by a cell.
  assert (a.parts == b.parts[:, ::-1]).mean() > 0.88
  mirrored = b.canonical[:, ::-1] * np.array([-1.0, 1.0, 1.0])
  assert np.median(np.abs(a.canonical - mirrored)) < 0.02


@pytest.mark.slow  # compiles the renderer once more
def test_vmap_equals_single_frames():
  identities = (heads.identity(), head.sample_identity(heads.speaker(8, 1.0, 70.0), 2))
  motions = (heads.motion(jaw=0.5), heads.motion(yaw=0.2))
  settings = (head.default_settings(), head.sample_settings(4))
  mapped = jax.jit(jax.vmap(functools.partial(head.render, size=SIZE)))
  batch = mapped(heads.stack(identities), heads.stack(motions), heads.stack(settings))
  for k, trees in enumerate(zip(motions, identities, settings, strict=True)):
    single = _render(*trees)
    assert np.abs(np.asarray(batch.image[k]) - single.image).mean() < 2e-3
    assert (np.asarray(batch.parts[k]) == single.parts).mean() > 0.98
