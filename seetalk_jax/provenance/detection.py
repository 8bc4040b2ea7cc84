"""Detection of the watermark in a picture or video that may have been resized, cropped and compressed.

The detector removes what the picture shows, as far as it is smooth, and reads the waves of the pattern for every scale
searched. The waves without bits give scale and shift: their correlation with the key's phases is highest there. The
other waves then give the bits, which count if their checksum is right.

False positives: without a watermark, the phases of the key are independent of the picture. All decoded messages are
then equally likely, whatever the picture shows, and one of 2^32 has a right checksum. At most `MAX_DECODED` messages
are decoded.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from seetalk_jax.provenance import watermark, watermark_code

MAX_DECODED = 4  # messages per file
FALSE_POSITIVE = MAX_DECODED / 2.0**watermark_code.CHECK_BITS  # probability for an unmarked file: 9.3e-10
# Scales searched: size of the tile relative to that of a frame of these sides. Above 1 where the picture was cropped:
# up to 1.8, a square or upright crop of a wide one.
_SCALES = np.exp(np.arange(-2, 120) * 0.005)
_GRID = 96  # shifts searched in each direction
NUM_POSITIONS = len(_SCALES) * _GRID**2
_SIDE = 256  # pixels; larger pictures are reduced to this shorter side, which keeps all waves
_WINDOW = 9  # pixels of a picture of `_SIDE`; what changes more slowly is not the watermark's


@dataclasses.dataclass(frozen=True)
class Detection:
  """A watermark that was found.

  Attributes:
    payload: 0 to 2^32 - 1.
    score: correlation of the waves without bits, in standard deviations of that of an unmarked picture.
    scale: size of the tile relative to that of an uncropped picture of this size: 1.11 after a crop of a tenth.
  """

  payload: int
  score: float
  scale: float


@dataclasses.dataclass(frozen=True)
class Spectra:
  """Waves of a picture at every scale searched; `find` needs nothing else of it.

  Attributes:
    values: complex `[scales, down, right]`, of magnitude below 1; `right` is from -MAX_WAVES to MAX_WAVES.
  """

  values: np.ndarray


def find(spectra: Spectra, key: bytes = watermark.PUBLIC_KEY) -> Detection | None:
  """Finds the watermark of a key."""
  return find_at(spectra, *sync_scores(spectra, key), key)


def find_at(
  spectra: Spectra, scores: np.ndarray, shifts: np.ndarray, key: bytes = watermark.PUBLIC_KEY
) -> Detection | None:
  """As `find`, with the result of `sync_scores`."""
  best = np.argsort(-scores)[:MAX_DECODED]
  for index, bits in zip(best, messages_at(spectra.values[best], shifts[best], key), strict=True):
    payload = watermark_code.payload_of(bits)
    if payload is not None:
      return Detection(payload, float(scores[index]), float(_SCALES[index]))
  return None


def tail(score: float) -> float:
  """Upper bound of the probability that an unmarked picture reaches a score anywhere, over all keys.

  At one position, the score is a sum of cosines of independent random phases; Chernoff's bound of it is
  exp(-score^2 / 2) for any magnitudes. All `NUM_POSITIONS` add up.
  """
  return min(1.0, NUM_POSITIONS * float(np.exp(-(score**2) / 2)))


def spectra_of(luma: np.ndarray) -> Spectra:
  """Reads the waves of luma, float `[h, w]` in levels of 255: that of a picture, or the mean of a video's frames."""
  flat = _without_picture(_reduced(np.asarray(luma, np.float32)))
  reach = int(watermark.MAX_WAVES)
  values = []
  for scale in _SCALES:
    angle = 2 * np.pi * watermark.TILES / (min(flat.shape) * scale)
    down = np.outer(np.arange(reach + 1), np.arange(flat.shape[0])) * angle
    right = np.outer(np.arange(flat.shape[1]), np.arange(-reach, reach + 1)) * angle
    cosines, sines = (each.astype(np.float32) @ flat for each in (np.cos(down), np.sin(down)))
    waves = (cosines - 1j * sines) @ np.exp(-1j * right).astype(np.complex64)
    magnitude = np.abs(waves)
    values.append(waves / (magnitude + np.median(magnitude) + 1e-9))  # one strong wave must not decide
  return Spectra(np.stack(values))


def sync_scores(spectra: Spectra, key: bytes) -> tuple[np.ndarray, np.ndarray]:
  """Highest score at every scale `[scales]`, and its shift to the right and down, `[scales, 2]` of the tile."""
  numbers, phases, _ = _of_key(key)
  right, down = numbers[: watermark.NUM_SYNC].T
  read = spectra.values[:, down, right + int(watermark.MAX_WAVES)]
  # The sum of the real parts at all shifts is a real Fourier transform. It counts waves with `down` twice.
  turned = read * np.exp(-1j * phases[: watermark.NUM_SYNC]).astype(np.complex64)
  grid = np.zeros((len(read), _GRID, int(watermark.MAX_WAVES) + 1), np.complex64)
  grid[:, right % _GRID, down] = np.where(down == 0, 2, 1) * turned
  sums = np.fft.irfft(np.fft.ifft(grid, axis=1), _GRID, axis=2).reshape(len(read), -1)
  energy = np.square(np.abs(read)).sum(axis=1) / 2
  scores = sums * (_GRID**2 / 2 / np.sqrt(energy + 1e-9))[:, None]
  best = scores.argmax(axis=1)
  shifts = np.stack([best // _GRID, best % _GRID], axis=1) / _GRID
  return scores[np.arange(len(best)), best], shifts


def messages_at(waves: np.ndarray, shifts: np.ndarray, key: bytes) -> np.ndarray:
  """The bits that waves `[b, down, right]` hold at shifts `[b, 2]`: uint8 `[b, 64]`."""
  numbers, phases, coded_bits = _of_key(key)
  numbers, phases = numbers[watermark.NUM_SYNC :], phases[watermark.NUM_SYNC :]
  right, down = numbers.T
  expected = np.exp(1j * (phases - 2 * np.pi * (shifts @ numbers.T)))
  agreement = (waves[:, down, right + int(watermark.MAX_WAVES)] * np.conj(expected)).real
  soft = np.zeros((len(waves), watermark_code.CODED_BITS))
  np.add.at(soft, (slice(None), coded_bits), agreement)
  return watermark_code.decode(soft)


def _of_key(key: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  waves = watermark.waves(key)
  return waves.numbers, waves.phases, waves.coded_bits


def _reduced(luma: np.ndarray) -> np.ndarray:
  import PIL.Image

  scale = _SIDE / min(luma.shape)
  if scale >= 1:
    return luma
  size = (round(luma.shape[1] * scale), round(luma.shape[0] * scale))
  return np.asarray(PIL.Image.fromarray(luma).resize(size, PIL.Image.Resampling.LANCZOS))


def _without_picture(luma: np.ndarray) -> np.ndarray:
  """Luma without what changes slowly, and divided by its local strength."""
  from scipy import ndimage

  window = max(3, round(_WINDOW * min(luma.shape) / _SIDE))
  mean = functools.partial(ndimage.uniform_filter, size=window)
  detail = luma - mean(mean(luma))
  return detail / np.sqrt(mean(detail * detail) + 1)
