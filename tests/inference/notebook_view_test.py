"""What notebooks show: pictures and videos inside of the HTML, captions escaped, large pictures shown smaller."""

import base64
import io
import re

import numpy as np
from PIL import Image

from seetalk_jax.inference import notebook_view


def _pictures_in(html):
  found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
  return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for content in found]


def test_a_small_picture_is_shown_as_it_is():
  pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
  html = notebook_view.picture(pixels, 'one <b>\ntwo')
  (shown,) = _pictures_in(html)
  np.testing.assert_array_equal(shown, pixels)
  assert 'one &lt;b&gt;<br>two' in html and '<b>' not in html


def test_a_large_picture_is_shown_smaller():
  html = notebook_view.picture(np.zeros((1024, 512, 3), np.uint8), 'large')
  (shown,) = _pictures_in(html)
  assert shown.shape == (256, 128, 3) and 'width="128" height="256"' in html


def test_several_pictures_are_beside_each_other():
  rows = [np.full((8, 8, 3), value, np.uint8) for value in (0, 100, 200)]
  html = notebook_view.pictures(rows, ['a', 'b', 'c'])
  assert [shown[0, 0, 0] for shown in _pictures_in(html)] == [0, 100, 200]


def test_a_video_is_inside_of_the_page():
  html = notebook_view.video(b'content', 320)
  assert base64.b64encode(b'content').decode() in html and 'width="320"' in html and 'controls' in html
  assert 'http' not in html
