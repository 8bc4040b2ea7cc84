"""World of the evaluation: labels and ground truth that the figures need."""

import jax
import numpy as np
import pytest

from seetalk_jax import blendshapes, constants
from seetalk_jax.constants import Part
from seetalk_jax.evaluation.probes import worlds
from seetalk_jax.media import face
from seetalk_jax.synthetic import speakers, voice
from seetalk_jax.synthetic.human import people


def test_people_have_the_labels_that_figures_need():
  world = worlds.MeasuredHumanWorld()
  assert world.skin_parts == (Part.SKIN,) and world.hair_parts == (Part.HAIR,)
  first, second = world.speakers('test', 3, 2)
  assert first != second and world.speakers('test', 4, 1) == [second]
  assert world.attributes(first).shape == (3,) and world.crop_version == face.PORTRAIT_CROP.version
  numbers = world.voice_numbers([first, second, first])
  assert numbers.shape == (3, 7) and np.array_equal(numbers[0], numbers[2])
  assert not np.array_equal(numbers[0], numbers[1])


def test_people_have_the_skin_of_their_pictures_and_the_language_of_their_talks():
  world = worlds.MeasuredHumanWorld()
  (speaker,) = world.speakers('test', 3, 1)
  shown = [world.melanin(speaker, seed) for seed in range(4)]
  assert all(0.1 <= melanin <= 2.7 for melanin in shown) and len(set(shown)) > 1
  assert shown[0] == pytest.approx(float(people.sample(speakers.sample_speaker(speaker), 0).skin.melanin))
  assert {world.language(speaker, seed) for seed in range(200)} == {
    accent.split('-')[0] for accent in voice.WORLD_ACCENTS
  }


def test_the_opening_follows_the_jaw_and_closed_lips():
  motion = np.zeros((3, constants.MOTION_DIM), np.float32)
  motion[1:, blendshapes.INDEX['jawOpen']] = (0.3, 0.6)
  rest, half, wide = worlds.MeasuredHumanWorld().opening(motion)
  assert rest < 0.01 < half < wide < 0.4
  motion[:, blendshapes.INDEX['mouthClose']] = motion[:, blendshapes.INDEX['jawOpen']]
  assert worlds.MeasuredHumanWorld().opening(motion).max() < 0.01


@pytest.mark.slow  # renders two people
def test_people_change_their_clothes_and_keep_their_faces():
  world = worlds.MeasuredHumanWorld()
  motion = np.repeat(world.neutral(0)[None], 2, axis=0)
  same, other = (draw(3, 0, motion, 64) for draw in (world.draw, world.draw_redressed))
  assert np.array_equal(same.frames[0], same.frames[1])
  assert not np.array_equal(other.frames[0], other.frames[1])
  np.testing.assert_array_equal(same.identity, other.identity)
  jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), same._asdict(), other._asdict())
