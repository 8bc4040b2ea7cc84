"""Tools for landmarks: places on the mesh's surface, contours of openings, expressions of the judge."""

import pathlib
import sys

import numpy as np
import pytest

from seetalk_jax import blendshapes, errors
from seetalk_jax.media import landmark_indices as indices

TOOLS = pathlib.Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture(scope='module')
def tools():
  """The modules (fit_landmarks, judge_human_world)."""
  sys.path.insert(0, str(TOOLS))
  try:
    import fit_landmarks
    import judge_human_world
  finally:
    sys.path.remove(str(TOOLS))
  return fit_landmarks, judge_human_world


def test_closest_places_lie_on_the_chosen_triangles(tools):
  surface = tools[0].Surface()
  rng = np.random.default_rng(0)
  for triangle in rng.choice(np.flatnonzero(surface.skin), 5):
    weights = rng.dirichlet(np.ones(3))
    place = surface.place(triangle, weights)
    found = surface.closest(place, surface.skin)
    np.testing.assert_allclose(surface.place(*found), place, atol=1e-6)
    mirrored = surface.place(*surface.mirrored(int(triangle), weights))
    np.testing.assert_allclose(mirrored, place * (-1, 1, 1), atol=2e-3)
  away = surface.closest(np.array([0.0, 6.95, 1.9]), surface.eyes | surface.skin)
  assert (away[1] >= 0).all() and away[1].sum() == pytest.approx(1)


def test_edges_of_an_opening_lie_outside_it(tools):
  fit = tools[0]
  picture = np.zeros((6, 5), int)
  picture[2:4, 1:4] = 1  # an opening in a surface
  is_surface, is_opening = np.array([True, False]), np.array([False, True])
  above, below = fit._edges(picture, is_surface, is_opening)
  assert above.tolist() == [[1, 1], [1, 2], [1, 3]] and below.tolist() == [[4, 1], [4, 2], [4, 3]]
  assert fit._nearest_edge((above, below), 2, 16, 2.2, 2.9) == (1, 2)  # upper points go to the upper edge
  assert fit._nearest_edge((above, below), 12, 16, 2.2, 2.1) == (4, 2)
  assert fit._nearest_edge((above, below), 2, 16, 40.0, 40.0) is None


def test_the_geometric_median_ignores_outliers(tools):
  places = np.concatenate([np.random.default_rng(0).normal(0, 0.01, (20, 3)), np.full((6, 3), 5.0)])
  np.testing.assert_allclose(tools[0].geometric_median(places), 0, atol=0.02)


def test_a_file_that_is_no_model_is_one_line(tools, tmp_path, capsys):
  model = tmp_path / 'face_landmarker.task'
  model.write_bytes(b'nothing')
  with pytest.raises(errors.InputError, match='not a landmarker model'):
    tools[0].mirrored_points(str(model))


@pytest.mark.parametrize('active', [3, None])
def test_random_expressions_are_possible(tools, active):
  at, rng = blendshapes.INDEX, np.random.default_rng(0)
  drawn = np.array([tools[1].random_coefficients(rng, active) for _ in range(300)])
  assert drawn.min() == 0 and 0.8 < drawn.max() <= 1 and (drawn.max(0) > 0).all()
  assert (drawn[:, at['mouthClose']] <= drawn[:, at['jawOpen']]).all()
  for pair in (
    ('eyeLookUpLeft', 'eyeLookDownLeft'),
    ('eyeLookOutLeft', 'eyeLookOutRight'),
    ('jawLeft', 'jawRight'),
  ):
    assert (drawn[:, [at[name] for name in pair]].min(1) == 0).all(), pair
  groups = np.array([np.unique([name.removesuffix('Left').removesuffix('Right') for name, value in
                                zip(blendshapes.NAMES, row, strict=True) if value]).size for row in drawn])  # fmt: skip
  assert (groups.max() <= 6) if active else (groups.min() > 15)  # looks in and out are two


def test_figures_of_perfect_scores(tools):
  judge = tools[1]
  rng = np.random.default_rng(1)
  coefficients = rng.random((40, 52))
  scores = 0.5 * coefficients
  neutral = np.repeat(rng.random((8, 52)), 5, axis=0)
  pose = rng.normal(size=(40, 3))
  distances = np.full((40, 478), 0.01)
  distances[:, list(indices.JAW_LINE)] = 0.04
  found = judge.figures(
    judge.Measured(
      50, 49, coefficients, scores + neutral, neutral, pose, pose + 0.1, np.zeros((40, 3)), distances
    )
  )
  assert found['one_face'] == 0.98
  assert found['distance']['lips'] == pytest.approx(0.01) and found['distance']['jaw line'] == pytest.approx(
    0.04
  )
  assert found['r_offset_removed']['mouthSmile'] == pytest.approx(1)
  assert found['r']['mouthSmile'] < 0.95
  assert found['r']['pitch'] == pytest.approx(1)
  text = judge.table({'three active': found})
  assert 'jawOpen' in text and 'tongueOut' not in text
