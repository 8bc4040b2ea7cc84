"""Flow between frames, on planes of known motion; rendered frames are tested with the renderer."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import flow, render

_SIZE = 8


def _frame(shift, depth=0.5):
  """A square of two triangles over columns and rows 0 to 6, moved by `shift` pixels to the right."""
  corners = np.float32([[0, 0], [6, 0], [6, 6], [0, 6]])
  rows, columns = np.mgrid[:_SIZE, :_SIZE].astype(np.float32)
  x, y = columns - shift, rows
  covered = (x >= 0) & (x <= 6) & (y <= 6)
  upper = y <= x
  weights = np.where(upper, [1 - x / 6, (x - y) / 6, y / 6], [1 - y / 6, x / 6, (y - x) / 6])
  return render.Rendered(
    image=None,
    place=None,
    part=None,
    triangle=jnp.asarray(np.where(covered, np.where(upper, 0, 1), -1)),
    weights=jnp.asarray(weights, jnp.float32),
    depth=jnp.asarray(np.where(covered, depth, 2.0), jnp.float32),
    positions=jnp.asarray(corners + [shift, 0], jnp.float32),
    depths=jnp.full(4, depth, jnp.float32),
    piece=jnp.full((_SIZE, _SIZE), -1).at[7, 0].set(1),
    piece_positions=jnp.asarray([[0, 0], [0.5 + shift, 7.5 - shift]], jnp.float32),
    piece_depths=jnp.full(2, depth),
    vertices=None,
  )


class _Arrays:
  triangles = jnp.asarray([[0, 1, 2], [0, 2, 3]])


def test_flow_of_a_moved_square_is_its_motion():
  step, holds = flow.flow(_frame(0), _frame(1), _Arrays)
  assert holds[:7, :7].all() and not holds[7, 1:].any()
  np.testing.assert_allclose(step[:7, :7], np.broadcast_to([1.0, 0.0], (7, 7, 2)), atol=1e-5)


def test_flow_of_hair_is_that_of_its_pieces():
  step, holds = flow.flow(_frame(0), _frame(1), _Arrays)
  assert holds[7, 0]
  np.testing.assert_array_equal(step[7, 0], [1.0, -1.0])


def test_hidden_points_and_points_outside_have_no_flow():
  behind = _frame(1)._replace(depth=jnp.full((_SIZE, _SIZE), 0.2))
  assert not flow.flow(_frame(0), behind, _Arrays)[1].any()
  outside = flow.flow(_frame(0), _frame(4), _Arrays)[1]
  assert outside[0, 3] and not outside[0, 5]
