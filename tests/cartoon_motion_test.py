"""Cartoon motion: the 20 fields as motion vectors and back, for NumPy and JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax import blendshapes, cartoon_motion, constants
from seetalk_jax.cartoon_motion import FIELDS, from_vector, to_vector
from seetalk_jax.synthetic import motion, parameters

SIGNED = {
  'smile': 1.0,
  'gaze_yaw': 0.4,
  'gaze_pitch': 0.4,
  'brow_raise': 1.0,
  'yaw': 0.45,
  'pitch': 0.3,
  'roll': 0.25,
}
SIGNED |= {'shift_x': 0.15, 'shift_y': 0.15}


def fields(**values):
  return np.array([values.get(name, 0.0) for name in FIELDS], np.float32)


def vector(**values):
  return np.array([values.get(name, 0.0) for name in constants.MOTION_FIELDS], np.float32)


def moved(**values):
  """Names -> values of the motion vector of these fields, without zeros."""
  found = zip(constants.MOTION_FIELDS, to_vector(fields(**values)), strict=True)
  return {name: pytest.approx(value) for name, value in found if value}


def test_all_combinations_of_fields_come_back():
  rng = np.random.default_rng(0)
  high = np.array([SIGNED.get(name, 1.0) for name in FIELDS])
  low = np.array([-SIGNED.get(name, 0.0) for name in FIELDS])
  drawn = rng.uniform(low, high, (20_000, len(FIELDS)))
  # Many fields at rest and at their ends.
  choice = rng.integers(0, 4, drawn.shape)
  drawn = np.select([choice == 0, choice == 1, choice == 2], [np.zeros_like(drawn), high, low], drawn)
  given = np.clip(drawn, low, high).astype(np.float32)
  made = to_vector(given)
  assert made.shape == (20_000, constants.MOTION_DIM) and made.dtype == np.float32
  assert made[:, constants.COEFFICIENTS].min() >= 0
  np.testing.assert_allclose(from_vector(made), given, atol=5e-7)


def test_motion_of_the_cartoon_stays_in_the_range_of_coefficients():
  frames = np.stack([parameters.motion_to_array(motion.random_motion(seed)) for seed in range(500)])
  made = to_vector(frames)
  gaze = [index for name, index in blendshapes.INDEX.items() if name.startswith('eyeLook')]
  rest = np.delete(made[:, constants.COEFFICIENTS], gaze, axis=1)
  assert rest.min() >= 0 and np.mean(rest > 1) < 0.002 and rest.max() < 1.6
  np.testing.assert_allclose(from_vector(made), frames, atol=5e-7)


def test_fields_move_the_coefficients_of_their_meaning():
  assert moved(jaw=0.5) == {'jawOpen': 0.5}
  assert moved(smile=0.4) == {'mouthSmileLeft': 0.4, 'mouthSmileRight': 0.4}
  assert moved(smile=-0.4) == {'mouthFrownLeft': 0.4, 'mouthFrownRight': 0.4}
  assert moved(blink_left=1.0) == {'eyeBlinkLeft': 1.0}
  # 15 degrees to the person's left: the left eye turns out, the right one in.
  assert moved(gaze_yaw=np.radians(15)) == {'eyeLookOutLeft': 1.0, 'eyeLookInRight': 1.0}
  assert moved(gaze_yaw=-np.radians(15)) == {'eyeLookInLeft': 1.0, 'eyeLookOutRight': 1.0}
  assert moved(gaze_pitch=np.radians(10)) == {'eyeLookUpLeft': 1.0, 'eyeLookUpRight': 1.0}
  assert moved(gaze_pitch=-np.radians(11)) == {'eyeLookDownLeft': 1.0, 'eyeLookDownRight': 1.0}
  assert moved(brow_raise=-0.5) == {'browDownLeft': 0.5, 'browDownRight': 0.5}
  assert moved(yaw=0.1, shift_x=0.2) == {'yaw': 0.1, 'shift_x': 0.1}
  closed = moved(closure=1.0, jaw=0.2)  # lips that are closed over an open jaw
  assert closed['mouthClose'] == closed['jawOpen'] == 0.2 and closed['mouthPressLeft'] == 1.0


def test_motion_of_people_is_shown_as_far_as_the_cartoon_can():
  def shown(**values):
    return dict(zip(FIELDS, from_vector(vector(**values)), strict=True))

  assert shown(mouthPucker=0.7)['rounding'] == shown(mouthFunnel=0.7)['rounding'] == np.float32(0.7)
  assert shown(jawOpen=0.3, mouthClose=0.3)['closure'] == 1.0
  one_sided = shown(mouthSmileLeft=0.8, browOuterUpRight=0.4)
  assert one_sided['smile'] == np.float32(0.4) and one_sided['brow_raise'] == np.float32(0.2)
  sad = shown(browInnerUp=1.0)
  assert sad['brow_raise'] == 1.0 and sad['brow_furrow'] == 1.0
  assert shown(cheekPuff=1.0) == dict.fromkeys(FIELDS, 0.0)


def test_jax_gives_what_numpy_gives():
  given = np.random.default_rng(1).uniform(-0.4, 0.4, (2, 3, len(FIELDS))).astype(np.float32)
  made = jax.jit(to_vector)(jnp.asarray(given))
  assert isinstance(made, jax.Array)
  np.testing.assert_allclose(made, to_vector(given), atol=1e-6)
  np.testing.assert_allclose(jax.jit(from_vector)(made), from_vector(to_vector(given)), atol=1e-6)


def test_other_widths_are_refused():
  with pytest.raises(ValueError, match='58'):
    from_vector(np.zeros(20))
  with pytest.raises(ValueError):
    to_vector(np.zeros(58))
  assert cartoon_motion.NUM_FIELDS == 20


def test_fields_that_the_cartoon_does_not_describe_are_always_0():
  rng = np.random.default_rng(0)
  made = to_vector(rng.uniform(-1, 1, (1000, len(FIELDS))))
  moving = {name for name, column in zip(constants.MOTION_FIELDS, made.T, strict=True) if column.any()}
  assert cartoon_motion.described() == moving
  assert {'jawOpen', 'tongueOut', 'shift_y'} < moving and not {'cheekPuff', 'jawLeft', 'shift_z'} & moving
