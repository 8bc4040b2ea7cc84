"""Losses against landmarks: where the flow leads, what is hidden, which rows count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import real_records

from seetalk_jax.data import landmark_parts
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.models.motion.motion_codec import Warped
from seetalk_jax.stages import landmark_losses, losses

CELLS = 32


def batch_of(source, target, weight=0.3):
  """A batch of one pair of faces, as view `motion_pair` gives it."""
  return {
    'source_landmarks': source[None],
    'target_landmarks': target[None],
    'landmark_weight': np.float32([weight]),
    'target_parts': landmark_parts.estimated_parts(target, None, CELLS)[None],
  }


def warped_by(shift=(0.0, 0.0), logits=0.0, count=1):
  """A warp of constant flow and occlusion."""
  flow = jnp.broadcast_to(jnp.float32(shift), (count, CELLS, CELLS, 2))
  logits = jnp.full((count, CELLS, CELLS, 1), logits, jnp.float32)
  picture = jnp.zeros((count, 4 * CELLS, 4 * CELLS, 3))
  return Warped(picture, {}, flow, jax.nn.sigmoid(logits), flow, logits, jnp.zeros((*flow.shape[:3], 3)))


def errors_of(warped, batch, image=None, target=None):
  picture = jnp.zeros((len(batch['landmark_weight']), 4 * CELLS, 4 * CELLS, 3))
  image, target = (picture if x is None else x for x in (image, target))
  return jax.jit(landmark_losses.landmark_errors)(warped, image, target, batch)


def test_the_flow_leads_from_landmarks_of_the_target_to_those_of_the_source():
  face = real_records.face_landmarks(opening=0.05)
  moved = real_records.face_landmarks(opening=0.05, shift=(0.05, -0.02))
  right = errors_of(warped_by((0.05, -0.02)), batch_of(moved, face)).warp
  wrong = errors_of(warped_by((-0.05, 0.02)), batch_of(moved, face)).warp
  still = errors_of(warped_by(), batch_of(moved, face)).warp
  expected = np.mean(losses.charbonnier(np.float32([0.05, -0.02]) * CELLS, 0.1))
  for name in ('flow', 'flow_features', 'coarse_flow', 'coarse_flow_features'):
    assert right[name] < 1e-3
    np.testing.assert_allclose(still[name], expected, rtol=1e-3)
    assert wrong[name] > 1.8 * still[name]


def test_landmarks_that_hide_each_other_do_not_count():
  closed, opened = real_records.face_landmarks(opening=0.0), real_records.face_landmarks(opening=0.12)
  numbers = list(landmark_losses._FIXED)
  clear = landmark_losses.clear_points(opened[None], closed[None])[0]
  upper, lower = (numbers.index(point) for point in indices.INNER_LIPS)
  assert clear[upper] == clear[lower] == 0  # one place in the target, two in the source
  below = numbers.index(17)  # the lowest point of the lower lip
  assert clear[below] == 1 and np.mean(clear) > 0.8
  # The other way round each of them comes from the one seam.
  clear = landmark_losses.clear_points(closed[None], opened[None])[0]
  assert clear[upper] == clear[lower] == 1
  outside = landmark_losses.clear_points(closed[None], closed[None] + 2.0)
  assert not outside.any()
  assert not {*indices.FACE_OUTLINE, *indices.RIGHT_IRIS, *indices.LEFT_IRIS} & set(numbers)


@pytest.mark.parametrize('source, share', [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.2, 1.0)])
def test_an_opening_mouth_is_hidden_as_far_as_the_source_is_closed(source, share):
  opened = real_records.face_landmarks(opening=0.1)
  batch = batch_of(real_records.face_landmarks(opening=source), opened)
  np.testing.assert_allclose(landmark_losses.visible_share(batch)[0], [share, 1.0], atol=1e-3)
  # A closed target shows nothing that could be hidden.
  closed = batch_of(opened, real_records.face_landmarks(opening=0.0))
  np.testing.assert_allclose(landmark_losses.visible_share(closed)[0], 1.0)

  def mouth_logits(inside):
    logits = np.full((1, CELLS, CELLS, 1), 8.0, np.float32)
    logits[batch['target_parts'] == losses.MOUTH] = inside
    return warped_by()._replace(occlusion_logits=jnp.asarray(logits))

  visible, hidden = (errors_of(mouth_logits(x), batch).warp['occlusion'] for x in (8.0, -8.0))
  if share in (0.0, 1.0):
    assert (visible > hidden + 1.0) if share == 0.0 else (hidden > visible + 1.0)
  # Landmarks are visible: an occlusion of 0 everywhere is wrong in any case.
  assert errors_of(warped_by(logits=-8.0), batch).warp['occlusion'] > 2.0


def test_errors_of_mouth_and_eyes_are_those_inside_their_boxes():
  batch = batch_of(real_records.face_landmarks(opening=0.0), real_records.face_landmarks(opening=0.1))
  target = np.zeros((1, 4 * CELLS, 4 * CELLS, 3), np.float32)
  forehead, mouth, eye = target.copy(), target.copy(), target.copy()
  side = 4 * CELLS
  forehead[0, int(0.25 * side)] = 1.0
  mouth[0, int(0.7 * side), side // 2] = 1.0
  eye[0, int(0.43 * side), int(0.4 * side)] = 1.0
  found = {
    name: errors_of(warped_by(), batch, image, target)
    for name, image in (('forehead', forehead), ('mouth', mouth), ('eye', eye))
  }
  assert found['forehead'].features == 0
  assert found['mouth'].features > 1e-4 and found['eye'].features > 1e-4
  # The source hides the mouth and shows the eye.
  assert found['mouth'].features_hidden > found['mouth'].features
  assert found['eye'].features_hidden < 1e-6
  assert set(found['eye'].metrics) >= {'landmark_flow', 'landmark_occlusion', 'landmark_features'}


def test_rows_count_by_their_weight_beside_rows_with_maps():
  face, moved = real_records.face_landmarks(), real_records.face_landmarks(shift=(0.05, 0.0))
  alone = batch_of(moved, face)
  full = errors_of(warped_by(), alone).warp['flow']
  both = {name: np.concatenate([value, value]) for name, value in alone.items()}

  def flow(has_truth, weight=None):
    batch = {**both, 'has_truth': np.float32(has_truth)}
    if weight is not None:
      batch['landmark_weight'] = np.float32(weight)
    return errors_of(warped_by(count=2), batch).warp['flow']

  np.testing.assert_allclose(flow([0, 0]), full, rtol=1e-4)
  np.testing.assert_allclose(flow([1, 0]), full * 0.3 / 1.3, rtol=1e-4)
  np.testing.assert_allclose(flow([0, 0], [1.0, 0.3]), full, rtol=1e-4)
  assert flow([1, 1]) == flow([0, 0], [0, 0]) == 0
  # What the landmarks of rows with maps say is not read.
  garbage = {**both, 'has_truth': np.float32([1, 0])}
  garbage['source_landmarks'] = both['source_landmarks'].copy()
  garbage['source_landmarks'][0] = 0.5
  np.testing.assert_allclose(errors_of(warped_by(count=2), garbage).warp['flow'], flow([1, 0]), rtol=1e-6)
