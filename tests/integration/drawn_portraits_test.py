"""Portraits that differ from the training data, animated by the demo weights, stay whole."""

import pathlib

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw, ImageFilter

import seetalk_jax

pytestmark = pytest.mark.slow  # loads the demo weights and draws frames at full size

SPEECH = pathlib.Path(__file__).parents[2] / 'examples' / 'speech.wav'


def drawn_portrait(seed):
  """A cartoon head in flat colors with loose strokes of hair, uint8 `[256, 256, 3]`."""
  rng = np.random.default_rng(seed)
  background = tuple(rng.integers(0, 256, 3).tolist()) if seed % 2 else (245, 245, 240)
  skin, hair = tuple(rng.integers((200, 140, 110), (255, 190, 160)).tolist()), rng.integers(20, 160, 3)
  picture = Image.new('RGB', (256, 256), background)
  draw = ImageDraw.Draw(picture)
  draw.ellipse((43, 20, 213, 230), fill=tuple(hair.tolist()))
  for _ in range(300):
    x, y = 128 + rng.normal(0, 55), 80 + rng.normal(0, 50)
    color = tuple(np.clip(hair + rng.normal(0, 60, 3), 0, 255).astype(int).tolist())
    draw.line(
      (x, y, x + rng.normal(0, 20), y + rng.uniform(10, 50)), fill=color, width=int(rng.integers(1, 4))
    )
  draw.rectangle((98, 190, 158, 256), fill=skin)
  draw.polygon([(0, 256), (88, 225), (168, 225), (256, 256)], fill=tuple(rng.integers(0, 256, 3).tolist()))
  draw.ellipse((76, 62, 180, 205), fill=skin)
  for x in (104, 152):
    draw.ellipse((x - 11, 103, x + 11, 116), fill='white')
    draw.ellipse((x - 5, 104, x + 5, 115), fill=(20, 40, 80))
    draw.line((x - 14, 94, x + 14, 92), fill=tuple(hair.tolist()), width=4)
  draw.line((128, 115, 123, 145, 133, 147), fill=(180, 110, 90), width=2)
  draw.ellipse((108, 160, 148, 174), fill=(200, 40, 50))
  return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)))


def edges(picture):
  """Mean absolute difference of neighboring pixels."""
  return sum(np.abs(np.diff(picture.astype(np.float32), axis=axis)).mean() for axis in (0, 1))


@pytest.fixture(scope='module')
def pipe():
  return seetalk_jax.load('demo')


@pytest.mark.parametrize('seed', [3, 10, 11])
def test_frames_of_drawings_have_no_more_edges_than_the_drawing(pipe, seed):
  """A torn face has up to 1.7 times the edges of its portrait; a whole one has fewer, since frames are soft."""
  portrait = drawn_portrait(seed)
  speech, _ = soundfile.read(SPEECH, frames=2 * 16_000, dtype='float32')
  frames = np.asarray(pipe(speech, portrait=portrait).frames)
  ratios = [edges(frame) / edges(portrait) for frame in frames[::5]]
  assert max(ratios) < 1.0
