"""Watermark in luma: a faint pattern that carries 64 bits, the same in every frame.

The pattern is a tile that repeats in both directions: a sum of waves of mid frequencies, whose phases follow from a
key and from the bits (spread spectrum). Its size is a fixed share of the frame's shorter side, so it scales with the
picture, and a crop only shifts it. It is stronger where the picture has texture.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np

from seetalk_jax.provenance import watermark_code

VERSION = 1  # of the pattern; after a change, earlier watermarks can no longer be read
# The key of this library. It is public: anybody may read the watermark, and a detector needs nothing else.
PUBLIC_KEY = b'seetalk-jax watermark 1'
MIN_SIDE = 128  # pixels; in a smaller frame, the shortest waves are not resolved, and it is not marked

TILES = 3.0  # tiles along the shorter side of the frame
# Waves per tile: of 26 to 9.5 pixels in a frame of 512. Longer ones drown in the picture, shorter ones are lost where
# half the size is compressed.
MIN_WAVES, MAX_WAVES = 6.6, 18.0
NUM_SYNC = 100  # waves that carry no bits; by them the detector finds scale and shift

PSNR_DB = 44.5  # of a marked frame; higher where the strength is limited
_MAX_STRENGTH = 1.9  # root mean square in levels of 255 where the gain is 1
_BLOCK = 8  # pixels; the gain of a block follows the range of its luma
_FLAT_GAIN, _TEXTURE_GAIN, _TEXTURE_RANGE = 0.5, 1.6, 64.0
_PATTERN_UNIT, _GAIN_UNIT = 16, 64  # fixed point, so that marking takes integers of 16 bits
_ROUNDING = _PATTERN_UNIT * _GAIN_UNIT // 2
_SHIFT = (_PATTERN_UNIT * _GAIN_UNIT).bit_length() - 1
_LUMA = np.array([54, 183, 19], np.uint16)  # BT.709, of 256
_STUDIO = (16, 235)  # black and white of the luma of videos


@dataclasses.dataclass(frozen=True)
class Waves:
  """The waves of a tile; the first `NUM_SYNC` carry no bits.

  Attributes:
    numbers: waves per tile to the right and down, int `[n, 2]`.
    phases: phases in radians, `[n]`.
    coded_bits: coded bit of each wave after the first `NUM_SYNC`, int `[n - NUM_SYNC]`.
  """

  numbers: np.ndarray
  phases: np.ndarray
  coded_bits: np.ndarray


@functools.cache
def _wave_numbers() -> np.ndarray:
  """All (right, down) of the ring, without the negatives of others: int `[n, 2]`."""
  reach = np.arange(-int(MAX_WAVES), int(MAX_WAVES) + 1)
  right, down = (each.ravel() for each in np.meshgrid(reach, reach))
  length = np.hypot(right, down)
  half = (down > 0) | ((down == 0) & (right > 0))
  inside = half & (length >= MIN_WAVES) & (length <= MAX_WAVES)
  return np.stack([right[inside], down[inside]], axis=1)


@functools.lru_cache(maxsize=8)
def waves(key: bytes = PUBLIC_KEY) -> Waves:
  """The waves of a key: their order and phases follow from SHAKE-256 of the key."""
  numbers = _wave_numbers()
  count = len(numbers)
  drawn = np.frombuffer(hashlib.shake_256(key).digest(16 * count), '>u8')
  phases = drawn[count:] * (2 * np.pi / 2.0**64)
  coded_bits = np.arange(count - NUM_SYNC) % watermark_code.CODED_BITS
  return Waves(numbers[np.argsort(drawn[:count])], phases, coded_bits)


@dataclasses.dataclass(frozen=True)
class Watermark:
  """A watermark; `mark_luma` and `mark_rgb` put it into a frame.

  Attributes:
    payload: 0 to 2^32 - 1.
    key: determines the waves; the detector needs it.
  """

  payload: int
  key: bytes = PUBLIC_KEY

  @property
  def name(self) -> str:
    """The payload as eight hexadecimal digits."""
    return f'{self.payload:08x}'

  def pattern(self, size: tuple[int, int]) -> np.ndarray:
    """The pattern of a frame of `size` (height, width), float64 `[h, w]` with a root mean square of 1."""
    return _pattern(self.payload, self.key, size)

  def mark_luma(self, luma: np.ndarray) -> np.ndarray:
    """Marks the luma of a video frame, uint8 `[h, w]` from 16 to 235; returns a new array."""
    low, high = _STUDIO
    added = luma + self._change(luma, (high - low) / 255)
    return np.clip(added, low, high, out=added).astype(np.uint8)

  def mark_rgb(self, pixels: np.ndarray) -> np.ndarray:
    """Marks a picture, uint8 `[h, w, 3]`: the same is added to all three channels; returns a new array."""
    luma = ((pixels.astype(np.uint16) * _LUMA).sum(axis=-1, dtype=np.uint16) >> 8).astype(np.uint8)
    added = pixels + self._change(luma, 1.0)[..., None]
    return np.clip(added, 0, 255, out=added).astype(np.uint8)

  def _change(self, luma: np.ndarray, levels: float) -> np.ndarray:
    """What is added to luma uint8 `[h, w]`, int16; `levels` is the range of luma relative to 255."""
    gain = _gain(luma, levels)
    change = _fixed_pattern(self.payload, self.key, luma.shape) * gain
    change += _ROUNDING
    change >>= _SHIFT
    return change


def can_mark(size: tuple[int, int]) -> bool:
  """Whether frames of `size` (height, width) are large enough for a watermark."""
  return min(size) >= MIN_SIDE


def shift_of(payload: int, key: bytes) -> np.ndarray:
  """Shift of the tile to the right and down, `[2]` of its size.

  It depends on the payload, so that the marks of a portrait and of a video made of it do not cancel.
  """
  drawn = hashlib.shake_256(key + payload.to_bytes(watermark_code.PAYLOAD_BITS // 8, 'big')).digest(16)
  return np.frombuffer(drawn, '>u8') / 2.0**64


def _pattern(payload: int, key: bytes, size: tuple[int, int]) -> np.ndarray:
  ring = waves(key)
  coded = watermark_code.encode(watermark_code.message(payload))[ring.coded_bits]
  signs = np.concatenate([np.ones(NUM_SYNC), 1.0 - 2.0 * coded])
  reach = int(MAX_WAVES)
  coefficients = np.zeros((reach + 1, 2 * reach + 1), np.complex128)
  right, down = ring.numbers.T
  shifted = ring.phases - 2 * np.pi * (ring.numbers @ shift_of(payload, key))
  coefficients[down, right + reach] = signs * np.exp(1j * shifted) * np.sqrt(2 / len(signs))
  angle = 2j * np.pi * TILES / min(size)
  rows = np.exp(angle * np.outer(np.arange(size[0]), np.arange(reach + 1)))
  columns = np.exp(angle * np.outer(np.arange(-reach, reach + 1), np.arange(size[1])))
  return (rows @ coefficients @ columns).real


@functools.lru_cache(maxsize=4)
def _fixed_pattern(payload: int, key: bytes, size: tuple[int, int]) -> np.ndarray:
  return np.rint(_pattern(payload, key, size) * _PATTERN_UNIT).astype(np.int16)


def _gain(luma: np.ndarray, levels: float) -> np.ndarray:
  """Strength of the pattern per pixel of luma uint8 `[h, w]`: int16 `[h, w]` in units of 1 / _GAIN_UNIT levels."""
  height, width = luma.shape
  whole = luma[: height - height % _BLOCK, : width - width % _BLOCK]
  rows = whole.reshape(-1, _BLOCK, whole.shape[1])
  blocks = (len(rows), -1, _BLOCK)
  top = rows.max(axis=1).reshape(blocks).max(axis=2)
  bottom = rows.min(axis=1).reshape(blocks).min(axis=2)
  texture = np.minimum((top - bottom) / np.float32(levels * _TEXTURE_RANGE), 1)
  gain = _FLAT_GAIN + (_TEXTURE_GAIN - _FLAT_GAIN) * texture
  strength = 255 / 10 ** (PSNR_DB / 20) / np.sqrt(np.square(gain).mean())
  fixed = np.rint(gain * (min(strength, _MAX_STRENGTH) * levels * _GAIN_UNIT)).astype(np.int16)
  fixed = np.repeat(np.repeat(fixed, _BLOCK, axis=1), _BLOCK, axis=0)
  return np.pad(fixed, ((0, height % _BLOCK), (0, width % _BLOCK)), mode='edge')
