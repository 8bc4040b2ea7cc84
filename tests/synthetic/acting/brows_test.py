"""Brows: raises on accents, and the activity of a style."""

import numpy as np
from utterances import sentence

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import brows, curves, emotions, prosody, style
from seetalk_jax.synthetic.human import mesh, rest, units

TIMES = curves.frame_times(110)
RHYTHM = prosody.analyze(sentence(), TIMES, np.random.default_rng(0))


def test_active_brows_rise_on_accents():
  def raised(activity):
    manner = style.Style(brow=activity, asymmetry=(0.1, 0, 0, 0))
    return np.mean(
      [brows.move(TIMES, manner, RHYTHM, np.random.default_rng(seed)) for seed in range(10)], axis=0
    )

  active, calm = raised(0.7), raised(0.05)
  inner = blendshapes.INDEX['browInnerUp']
  assert active[:, inner].max() > 4 * calm[:, inner].max()
  assert (
    active[:, blendshapes.INDEX['browOuterUpLeft']].sum()
    > active[:, blendshapes.INDEX['browOuterUpRight']].sum()
  )


def test_brows_change_slowly_over_a_wide_range():
  times = curves.frame_times(1500)
  silent = RHYTHM._replace(
    accents=np.zeros(0), sizes=np.zeros(0), phrases=np.zeros((0, 2)), activity=np.zeros(1500)
  )
  inner = [
    brows.move(times, style.Style(brow=0.5), silent, np.random.default_rng(seed))[
      :, blendshapes.INDEX['browInnerUp']
    ]
    for seed in range(4)
  ]
  slow = curves.smoothed(np.stack(inner, axis=1), 12)
  # Without slow changes 0.03; brows of real clips move twice as far as those were.
  assert 0.08 < slow.std(axis=0).mean() < 0.25
  assert np.abs(np.diff(inner, axis=1)).mean() < 0.03


def heights():
  """Rise of the inner and the outer ends of the brows of the mesh for each coefficient, `[2, 52]`."""
  displacements = units.units(mesh.load())[:, :, 1]
  return np.stack(
    [
      np.einsum('pv,uv->u', rest._weights(ends), displacements)
      for ends in ((336, 285, 107, 55), (300, 276, 70, 46))
    ]
  )


def test_raised_brows_are_level_and_do_not_look_sad():
  inner, outer = heights()
  manner = style.Style(brow=0.6, frown=0.0)
  accents = np.mean(
    [brows.move(TIMES, manner, RHYTHM, np.random.default_rng(s)).mean(0) for s in range(20)], axis=0
  )
  surprise = np.mean([emotions.sample_set('surprised', np.random.default_rng(s)) for s in range(20)], axis=0)
  for raised in (accents, surprise):
    assert 0.8 < raised @ outer / (raised @ inner) < 1.4
  sad = np.mean([emotions.sample_set('sad', np.random.default_rng(s)) for s in range(20)], axis=0)
  assert sad @ outer < 0 < sad @ inner


def test_only_brows_and_lids_move():
  face = brows.move(TIMES, style.Style(brow=0.9, frown=0.3), RHYTHM, np.random.default_rng(0))
  moved = {name for name, value in zip(blendshapes.NAMES, face.max(axis=0), strict=True) if value}
  assert all(name.startswith(('brow', 'eyeWide')) for name in moved)
  assert face.min() >= 0 and face.max() <= 1
