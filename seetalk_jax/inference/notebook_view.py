"""What notebooks show of results: HTML with pictures and videos inside, for Jupyter and Colab; needs no package."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np

from seetalk_jax.media import image as image_lib

_PREVIEW_SIDE = 256  # pixels; larger pictures are shown smaller
_BLOCK = 'display:inline-block;margin:4px;text-align:center;vertical-align:top'


class HtmlView:
  """HTML that a notebook shows when it is the last value of a cell.

  Args:
    text: the HTML.
    plain: what a terminal shows.
  """

  def __init__(self, text: str, plain: str):
    self._text, self._plain = text, plain

  def __repr__(self) -> str:
    return self._plain

  def _repr_html_(self) -> str:
    return self._text


def picture(pixels: np.ndarray, caption: str) -> str:
  """HTML of a picture, uint8 `[h, w, 3]`, at most 256 pixels high, above its caption."""
  height, width = pixels.shape[:2]
  shrink = min(1.0, _PREVIEW_SIDE / height)
  shown = max(1, round(height * shrink)), max(1, round(width * shrink))
  small = pixels if shown == (height, width) else image_lib.resize(pixels, shown)
  source = _data('image/png', _png(small))
  text = html.escape(caption).replace('\n', '<br>')
  return (
    f'<div style="{_BLOCK}"><img src="{source}" width="{shown[1]}" height="{shown[0]}" alt="{html.escape(caption)}">'
    f'<div>{text}</div></div>'
  )


def pictures(rows: Sequence[np.ndarray], captions: Sequence[str]) -> str:
  """HTML of several pictures beside each other; see `picture`."""
  return '<div>' + ''.join(map(picture, rows, captions)) + '</div>'


def video(content: bytes, width: int) -> str:
  """HTML of an mp4 file that plays in the page, with controls.

  Args:
    content: the file.
    width: shown width in pixels.
  """
  source = _data('video/mp4', content)
  return f'<video controls loop width="{width}" src="{source}"></video>'


def _data(kind: str, content: bytes) -> str:
  return f'data:{kind};base64,{base64.b64encode(content).decode()}'


def _png(pixels: np.ndarray) -> bytes:
  import PIL.Image

  buffer = io.BytesIO()
  PIL.Image.fromarray(pixels).save(buffer, 'PNG')
  return buffer.getvalue()
