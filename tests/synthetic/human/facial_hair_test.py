"""Facial hair: it follows expressions, lies outside of the skin and grows where its style says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.human import collision, facial_hair, facial_styles, rig
from seetalk_jax.synthetic.human import mesh as meshes


@pytest.fixture(scope='module')
def vertices():
  return _expressed()


def _expressed(**coefficients):
  values = np.zeros(52, np.float32)
  for name, value in coefficients.items():
    values[blendshapes.NAMES.index(name)] = value
  return rig.expressed(jnp.asarray(meshes.load().vertices), jnp.asarray(values), rig.topology())


@pytest.fixture(scope='module')
def grow(vertices):
  normals = rig.vertex_normals(vertices, rig.topology().triangles)
  body, grown = jax.jit(collision.body)(vertices), jax.jit(facial_hair.grow)

  def one(seed=0, **values):
    style = facial_styles.sample_facial_style(
      np.random.default_rng(seed), 'male', 30, {'caucasian': 1}, 'shaven'
    )
    style = style._replace(**{name: np.float32(value) for name, value in values.items()})
    return grown(vertices, normals, body, style, facial_hair.facial_roots())

  return one


def _growing(hair):
  """Strands of brows and beard that are on the face, bool `[n]`: the others are points inside the head."""
  return np.ptp(np.asarray(hair.offset), axis=1).max(-1) > 1e-6


_LASHES = slice(
  2 * facial_hair.NUM_BROW, 2 * (facial_hair.NUM_BROW + facial_hair.NUM_UPPER + facial_hair.NUM_LOWER)
)


def test_upper_lashes_follow_a_blink(grow, vertices):
  hair = grow(lash_density=1, lash_length=1)
  upper = slice(_LASHES.start, _LASHES.start + 2 * facial_hair.NUM_UPPER)
  opened = np.asarray(facial_hair.placed(hair, vertices))[upper]
  closed = np.asarray(facial_hair.placed(hair, _expressed(eyeBlinkLeft=1, eyeBlinkRight=1)))[upper]
  # Open eyes: upper lashes point up. Closed: they have come down by about the opening, and point down or ahead.
  assert (opened[:, -1, 1] > opened[:, 0, 1]).mean() > 0.8
  assert (opened - closed)[:, 0, 1].mean() > 0.05
  assert (closed[:, -1, 1] - closed[:, 0, 1]).mean() < 0


def test_lashes_begin_at_the_lids_and_stand_off(grow, vertices):
  points = np.asarray(facial_hair.placed(grow(lash_density=1, lash_length=1), vertices))[_LASHES]
  length = np.linalg.norm(points[:, -1] - points[:, 0], axis=-1)
  assert 0.03 < np.median(length) < 0.12 and length.max() < 0.2
  step = np.linalg.norm(np.diff(points, axis=1), axis=-1)
  assert (step.max(1) < 4 * step.mean(1) + 1e-6).mean() > 0.95


def test_a_beard_follows_the_jaw(grow, vertices):
  hair = grow(chin=1, chin_length=0.3)
  beard = slice(facial_hair.NUM_STRANDS - facial_hair.NUM_BEARD, None)
  grown = _growing(hair)[beard]
  still = np.asarray(facial_hair.placed(hair, vertices))[beard][grown]
  moved = np.asarray(facial_hair.placed(hair, _expressed(jawOpen=1)))[beard][grown]
  assert 100 < grown.sum() < facial_hair.NUM_BEARD / 2  # the chin alone
  assert (still - moved)[..., 1].mean() > 0.15


def test_a_shaven_face_has_no_beard_and_a_full_one_has(grow):
  beard = slice(facial_hair.NUM_STRANDS - facial_hair.NUM_BEARD, None)
  assert not _growing(grow())[beard].any()
  everywhere = dict.fromkeys(('moustache', 'chin', 'patch', 'cheeks', 'sideburns', 'neck'), 1.0)
  assert _growing(grow(**everywhere, length=0.2, chin_length=0.2, moustache_length=0.1))[beard].mean() > 0.6


def test_brows_grow_thinner_and_lie_above_the_eyes(grow, vertices):
  brows = slice(0, 2 * facial_hair.NUM_BROW)
  thick, thin = (grow(brow_thickness=t, brow_density=1.0) for t in (0.06, 0.025))
  number = [_growing(hair)[brows].sum() for hair in (thick, thin)]
  assert number[0] > 1.6 * number[1] > 200
  points = np.asarray(facial_hair.placed(thick, vertices))[brows][_growing(thick)[brows]]
  assert points[..., 1].min() > 7.36 and points[..., 1].max() < 7.65
  assert np.abs(points[..., 0]).min() > 0.05


@pytest.mark.parametrize('beard', facial_styles.BEARDS)
def test_sampled_styles_are_in_range(beard):
  for seed in range(20):
    style = facial_styles.sample_facial_style(
      np.random.default_rng(seed), 'male', 20 + 3 * seed, {'asian': 1}, beard
    )
    assert all(np.isfinite(value) and value.dtype == np.float32 for value in style)
    for name in ('moustache', 'chin', 'patch', 'cheeks', 'sideburns', 'neck', 'lash_density'):
      assert 0 <= getattr(style, name) <= 1
  assert (style.chin > 0.3) == (beard not in ('shaven', 'moustache'))


def _beard_on_the_cheek(beard):
  style = facial_styles.sample_facial_style(np.random.default_rng(0), 'male', 30, {'caucasian': 1}, beard)
  return float(facial_hair.beard_undercoat(style, jnp.asarray([0.45, 6.5, 1.0])))


def test_stubble_is_painted_and_has_no_strands(grow):
  style = facial_styles.sample_facial_style(np.random.default_rng(0), 'male', 30, {'caucasian': 1}, 'stubble')
  beard = slice(facial_hair.NUM_STRANDS - facial_hair.NUM_BEARD, None)
  assert style.cheeks > 0.2 and not _growing(grow(**style._asdict()))[beard].any()
  shares = [_beard_on_the_cheek(name) for name in ('shaven', 'stubble', 'full_beard')]
  assert shares[0] == 0 and 0.15 < shares[1] < 0.6 < shares[2] < 0.73


def test_brows_are_painted_where_their_strands_grow():
  fine = rig.fine_head().mesh
  style = facial_styles.sample_facial_style(np.random.default_rng(0), 'female', 30, {'caucasian': 1})
  share = np.asarray(facial_hair.brow_undercoat(style, jnp.asarray(fine.vertices.T)))
  x, y, z = fine.vertices[share > 0.05].T
  assert len(x) > 10 and 0.08 < np.abs(x).min() and np.abs(x).max() < 0.56
  assert 7.4 < y.min() and y.max() < 7.58 and z.min() > 0.9


def test_women_have_thinner_brows_than_men():
  def strength(sex):
    drawn = (
      facial_styles.sample_facial_style(np.random.default_rng(i), sex, 40, {'caucasian': 1})
      for i in range(60)
    )
    return np.mean([style.brow_thickness * style.brow_density for style in drawn])

  assert strength('female') < 0.6 * strength('male')


def test_women_have_no_beard():
  for seed in range(50):
    style = facial_styles.sample_facial_style(np.random.default_rng(seed), 'female', 60, {'african': 1})
    assert style.chin == style.moustache == style.cheeks == 0


def test_roots_may_be_asked_for_first_while_a_function_is_traced():
  found = []
  jax.make_jaxpr(lambda: found.append(facial_hair.facial_roots.__wrapped__()))()
  assert not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(found))
