"""Drawing by the codebook renderer: whole frames or regions, which are cut from and put back to frames."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_networks import normal

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer import drawing
from seetalk_jax.models.renderer.regions import REGIONS

SIDE = 256


@pytest.fixture(scope='module')
def renderer():
  """Tiny networks that draw regions, their parameters, and the warp of two frames."""
  modules = {
    'motion_codec': registry.make('motion_codec', 'tiny', low_grid=True, inner_size=64),
    'codebook': registry.make('codebook', 'tiny'),
    'code_transformer': registry.make('code_transformer', 'tiny', num_regions=len(REGIONS)),
    'hr_decoder': registry.make('hr_decoder', 'tiny'),
  }
  zeros = lambda spec: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), spec)
  params = {
    name: blocks.init_params(module, jax.random.key(i), *zeros(module.example_inputs(modules, SIDE)))
    for i, (name, module) in enumerate(modules.items())
  }
  pictures = np.tanh(normal(1, 2, SIDE, SIDE, 3))
  run = jax.jit(lambda p, x: modules['motion_codec'].apply({'params': p}, x, x[::-1])[1])
  return modules, params, run(params['motion_codec'], pictures)


def test_pieces_are_the_regions_of_one_size(renderer):
  modules, _, warped = renderer
  mouth, eyes = drawing.pieces_of(modules, warped)
  assert mouth.warped.image.shape == (2, 64, 80, 3) and eyes.warped.image.shape == (4, 32, 48, 3)
  np.testing.assert_array_equal(mouth.region, [0, 0])
  np.testing.assert_array_equal(eyes.region, [1, 1, 2, 2])
  whole = {**modules, 'code_transformer': registry.make('code_transformer', 'tiny')}
  (piece,) = drawing.pieces_of(whole, warped)
  assert piece.region is None and piece.warped is warped and piece.cut(warped.image) is warped.image


def test_what_is_cut_and_put_back_changes_nothing(renderer):
  modules, _, warped = renderer
  for piece in drawing.pieces_of(modules, warped):
    np.testing.assert_array_equal(piece.cut(warped.image), piece.warped.image)
    np.testing.assert_allclose(piece.put(warped.image, piece.cut(warped.image)), warped.image, atol=1e-6)


def test_regions_are_drawn_over_the_frame_of_the_codec(renderer):
  modules, params, warped = renderer
  codes = jnp.asarray(normal(2, 16, 8))
  lookup = lambda logits: codes[jnp.argmax(logits, axis=-1)]
  draw = jax.jit(lambda p, w: drawing.parts_from_codes(modules, p, w, jnp.full((2, 1, 1, 1), 0.5), lookup))
  (picture, copied), found = draw(params, warped)
  plain, _ = modules['motion_codec'].apply({'params': params['motion_codec']}, warped, method='decode_parts')
  changed = np.abs(picture - plain).max(-1) > 1e-5  # the two programs round differently
  inside = np.zeros_like(changed)
  for piece, logits in found:
    h, w = piece.warped.image.shape[1:3]
    assert logits.shape == (len(piece.region), h // 16, w // 16, 16)
    for i, (y, x) in enumerate(np.asarray(piece.corner)):
      inside[i % 2, y : y + h, x : x + w] = True
  assert changed.any() and not (changed & ~inside).any()
  assert picture.shape == (2, SIDE, SIDE, 3) and copied.shape == (2, SIDE, SIDE, 1)
