"""Image files: reading of any format to uint8 RGB, and atomic writing of PNG."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import pipes, tags

MIN_SIDE = 32
CROP_VERSION_KEY = 'seetalk:crop_version'


def load_image(path: str | os.PathLike) -> np.ndarray:
  """Reads the first frame of an image: uint8 `[h, w, 3]`, EXIF rotation applied, transparency over white.

  Raises:
    PortraitError: the file is missing, a folder, not an image, damaged, or smaller than 32 pixels.
  """
  return load_image_and_text(path)[0]


def load_image_and_text(path: str | os.PathLike) -> tuple[np.ndarray, dict[str, str]]:
  """Reads an image as `load_image`, with the text chunks of a PNG file (empty for other formats)."""
  with pipes.seekable(path) as readable:
    return _load(readable)


def is_image(path: str | os.PathLike) -> bool:
  """Whether a file is an image of a format that can be read; a damaged one may count too, and a pipe does.

  A pipe can be read only once, so it is not opened.
  """
  import PIL.Image

  if pipes.is_pipe(path):
    return True
  try:
    with PIL.Image.open(path):
      return True
  except PIL.Image.DecompressionBombError:
    return True
  except (OSError, ValueError, SyntaxError):  # Pillow raises these for other files
    return False


def _load(path: pathlib.Path) -> tuple[np.ndarray, dict[str, str]]:
  import PIL.Image
  import PIL.ImageOps

  if path.is_dir():
    raise PortraitError(f'the picture is a folder, not a file, {path}: give a PNG or JPEG file')
  try:
    with PIL.Image.open(path) as image:
      text = {key: value for key, value in image.info.items() if isinstance(value, str)}
      image = PIL.ImageOps.exif_transpose(image)
      pixels = _to_rgb(image)
  except FileNotFoundError:
    raise PortraitError(f'no such picture, {path}: check the path') from None
  except PIL.UnidentifiedImageError:
    raise PortraitError(f'not a picture, {path}: give a PNG, JPEG or WebP file') from None
  except PIL.Image.DecompressionBombError:
    raise PortraitError(f'the picture has too many pixels, {path}: make it smaller') from None
  except (OSError, ValueError, SyntaxError) as error:  # Pillow raises these for damaged files
    raise PortraitError(f'cannot read the picture ({error}), {path}: give a whole PNG or JPEG file') from None
  if min(pixels.shape[:2]) < MIN_SIDE:
    raise PortraitError(
      f'too small ({pixels.shape[1]} x {pixels.shape[0]} pixels), {path}: give a larger picture'
    )
  return pixels, text


def save_png(
  path: str | os.PathLike,
  pixels: np.ndarray,
  text: Mapping[str, str] | None = None,
  finish: Callable[[pathlib.Path], None] | None = None,
) -> None:
  """Writes uint8 `[h, w, 3]` and text chunks to a PNG file, atomically.

  Args:
    path: output file.
    pixels: the picture.
    text: text chunks.
    finish: called with the path of the complete file before it gets its name, or None.

  Raises:
    InputError: the name does not end in `.png`, or its folder does not exist or is not writable.
  """
  import PIL.Image
  import PIL.PngImagePlugin

  chunks = PIL.PngImagePlugin.PngInfo()
  for key, value in tags.clean(text or {}).items():
    chunks.add_itxt(key, value)
  check_output(path, '.png')
  with files.replacing(path) as part:
    PIL.Image.fromarray(np.asarray(pixels, np.uint8)).save(part, format='PNG', pnginfo=chunks)
    if finish is not None:
      finish(part)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Resizes uint8 `[h, w, 3]` to `size` (height, width) with the Lanczos filter."""
  import PIL.Image

  if pixels.shape[:2] == tuple(size):
    return pixels
  return np.asarray(PIL.Image.fromarray(pixels).resize((size[1], size[0]), PIL.Image.Resampling.LANCZOS))


def check_output(path: str | os.PathLike, suffix: str, overwrite: bool = True) -> pathlib.Path:
  """Checks that an output path can be written, before any work is done.

  Raises:
    InputError: the suffix is wrong, the path is a folder, its parent is missing, or the file exists and
      `overwrite` is False.
    OutputError: the file cannot be created.
  """
  path = pathlib.Path(path)
  if path.suffix.lower() != suffix:
    raise InputError(f'the output is not a {suffix} name, {path}: end it in {suffix}')
  with files.output_errors(path):
    if path.is_dir():
      raise InputError(f'the output is a folder, {path}: give a file name')
    if not path.parent.is_dir():
      raise InputError(f'no such output folder, {path.parent}: create it first')
    if path.exists() and not overwrite:
      raise InputError(f'the output exists, {path}: give another name, or --overwrite')
  files.check_writable(path)
  return path


def _to_rgb(image) -> np.ndarray:
  import PIL.Image

  if image.mode.startswith('I'):  # 16-bit gray; Pillow's conversion would clip it to white
    wide = np.asarray(image, np.float32)
    return np.repeat((wide / max(65535.0, wide.max()) * 255).astype(np.uint8)[..., None], 3, axis=-1)
  if 'transparency' in image.info or image.mode in ('RGBA', 'LA', 'PA', 'RGBa', 'La'):
    image = image.convert('RGBA')
    image = PIL.Image.alpha_composite(PIL.Image.new('RGBA', image.size, 'white'), image)
  return np.array(image.convert('RGB'))
