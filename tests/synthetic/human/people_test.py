"""People: what belongs to the speaker and what is drawn anew."""

import jax
import numpy as np
import pytest

from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic import speakers
from seetalk_jax.synthetic.human import mesh, people, rest
from seetalk_jax.synthetic.human.mesh import MeshPart


def _traits(speaker_id, seed):
  return people.sample_traits(speakers.sample_speaker(speaker_id), np.random.default_rng(seed))


def test_voice_attributes_belong_to_the_speaker_and_ancestry_does_not():
  first, second = _traits(5, 0), _traits(5, 1)
  assert first[:4] == second[:4]
  assert first.ancestry != second.ancestry
  assert sum(first.ancestry) == pytest.approx(1)


def test_a_sample_depends_on_speaker_and_seed_only():
  one, same, other = (people.sample(speakers.sample_speaker(3), seed) for seed in (7, 7, 8))
  jax.tree.map(np.testing.assert_array_equal, one, same)
  assert np.abs(one.shape - other.shape).max() > 0.01


def test_all_samples_have_the_same_shapes_and_single_precision():
  trees = [people.sample(speakers.sample_speaker(i), i) for i in range(6)]
  specs = [jax.tree.map(lambda leaf: (np.shape(leaf), np.asarray(leaf).dtype), tree) for tree in trees]
  assert all(spec == specs[0] for spec in specs)
  assert {np.asarray(leaf).dtype for leaf in jax.tree.leaves(trees[0])} == {np.dtype(np.float32)}


def test_eyes_of_everybody_are_in_one_place():
  balls = np.isin(mesh.load().parts, (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE))
  for i in range(4):
    shape = people.sample_shape(_traits(i, i), np.random.default_rng(i))
    np.testing.assert_allclose(shape[balls].mean(0), people.EYES, atol=1e-4)


def test_mouths_of_all_ancestries_are_about_as_wide():
  corners = landmark_indices.MOUTH_CORNERS

  def width(ancestry):
    traits = [_traits(i, i)._replace(ancestry=people.Ancestry(*ancestry), head_size=0.0) for i in range(8)]
    shapes = [people.sample_shape(own, np.random.default_rng(i)) for i, own in enumerate(traits)]
    return np.mean([np.ptp(rest._points(shape, corners)[:, 0]) for shape in shapes])

  widths = [width(ancestry) for ancestry in np.eye(3)]
  # Narrow mouths with full lips are read as a pucker.
  assert widths[2] < min(widths[:2]) and max(widths) < 1.1 * min(widths), widths


def test_heavier_people_have_wider_faces():
  light, heavy = (_traits(5, 0)._replace(weight=weight, head_size=0.0) for weight in (-2.0, 2.0))
  widths = [
    np.ptp(people.sample_shape(traits, np.random.default_rng(0))[mesh.load().masks['face'] > 0.5, 0])
    for traits in (light, heavy)
  ]
  assert widths[1] > 1.02 * widths[0]


def test_skin_darkens_with_african_ancestry_and_stays_in_range():
  def melanin(ancestry):
    traits = _traits(5, 0)._replace(ancestry=people.Ancestry(*ancestry))
    return [float(people.sample_skin(traits, np.random.default_rng(i)).melanin) for i in range(20)]

  dark, fair = melanin((1, 0, 0)), melanin((0, 0, 1))
  assert min(dark) > max(fair)
  assert 0.1 <= min(fair) and max(dark) <= 2.7


def test_seeds_of_skin_are_small_whole_numbers():
  seeds = [float(people.sample_skin(_traits(5, 0), np.random.default_rng(i)).seed) for i in range(50)]
  assert all(seed.is_integer() and 0 <= seed < 256 for seed in seeds) and len(set(seeds)) > 30


def test_features_of_sex_and_age_are_in_the_shape():
  def shape(**changes):
    return people.sample_shape(_traits(4, 0)._replace(**changes), np.random.default_rng(1))

  lips = mesh.load().masks['lips'] > 0.5
  jaw = np.abs(mesh.load().vertices - [0.36, 6.32, 1.16]).max(1) < 0.12
  woman, man = shape(sex=0.0), shape(sex=1.0)
  assert man[jaw, 0].mean() > woman[jaw, 0].mean() + 0.01
  young, old = shape(age=25.0), shape(age=80.0)
  assert old[jaw, 1].mean() < young[jaw, 1].mean() - 0.01
  assert np.ptp(old[lips, 2]) < np.ptp(young[lips, 2])


def test_wrinkles_deepen_with_age():
  def strength(age):
    traits = _traits(5, 0)._replace(age=age)
    return np.mean([people.sample_skin(traits, np.random.default_rng(i)).wrinkles for i in range(20)])

  assert strength(20.0) < 0.1 < 0.3 < strength(50.0) < strength(80.0) < 1.3


def test_only_voices_between_may_dress_as_the_other_sex():
  beards = [
    float(people.sample(speakers.Speaker(speaker_id=i, sex=0.2, age=40.0, head_size=0.0), i).facial_hair.chin)
    for i in range(12)
  ]
  assert max(beards) == 0


def _skins(sex, age, number=60):
  traits = _traits(5, 0)._replace(sex=sex, age=age, ancestry=people.Ancestry(0, 0, 1))
  return [people.sample_skin(traits, np.random.default_rng(i)) for i in range(number)]


def test_make_up_is_seldom_and_lipstick_more_seldom():
  """Half of all women wore strong make-up."""
  women = _skins(0.0, 30.0, 200)
  assert 0.2 < np.mean([float(own.makeup) > 0 for own in women]) < 0.45
  assert 0.05 < np.mean([float(own.lips) > 0.85 for own in women]) < 0.2
  assert max(float(own.makeup) for own in _skins(1.0, 30.0)) == 0


def test_old_women_are_less_furrowed_than_old_men():
  """Strangers took old women for men."""
  women, men = (np.mean([own.wrinkles for own in _skins(sex, 70.0)]) for sex in (0.0, 1.0))
  assert 0.4 * men < women < 0.75 * men


def test_old_women_have_narrower_jaws_than_old_men():
  jaw = np.abs(mesh.load().vertices - [0.36, 6.32, 1.16]).max(1) < 0.12

  def width(sex):
    traits = [_traits(i, i)._replace(sex=sex, age=70.0, head_size=0.0, weight=0.0) for i in range(8)]
    return np.mean(
      [people.sample_shape(own, np.random.default_rng(i))[jaw, 0].mean() for i, own in enumerate(traits)]
    )

  assert width(0.0) < 0.9 * width(1.0)
