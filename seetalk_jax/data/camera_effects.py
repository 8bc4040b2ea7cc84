"""Camera effects: what a camera, a codec and a web site do to pictures, as augmentation of encoder inputs.

Each effect is a pure function of frames, a random generator and a strength. Frames are float32 `[n, h, w, 3]` in
[0, 1]; the frames of a clip share the settings of the camera, only noise differs from frame to frame. The draws do
not depend on the strength, so a larger strength is the same change, only stronger.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import scipy.ndimage
from PIL import Image

CLEAN_SHARE = 0.15
# At strength 1: qualities of JPEG, and rate factors of H.264 (larger is worse).
JPEG_QUALITY = (95, 40)
H264_CRF = (18, 35)


def augment(pictures: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
  """Applies random camera effects to a picture or to the frames of a clip.

  15 % stay unchanged. For the others, each effect is applied with its own probability, in the order of a camera:
  defocus or motion blur, sensor noise, tone, another resolution, sharpening, and JPEG or H.264.

  Args:
    pictures: uint8 `[h, w, 3]`, or `[n, h, w, 3]` for successive frames.
    rng: random generator.
    strength: scale of all effects: 0 changes nothing, 1 is what ordinary recordings show.

  Returns:
    uint8 of the same shape.

  Raises:
    ValueError: `strength` is not in [0, 1].
  """
  if not 0 <= strength <= 1:
    raise ValueError(f'strength {strength}: use 0 to 1')
  pictures = np.asarray(pictures)
  if strength == 0 or rng.random() < CLEAN_SHARE:
    return pictures.copy()
  frames = pictures.reshape(-1, *pictures.shape[-3:]).astype(np.float32) / 255
  wanted = rng.random(6) < (0.35, 0.6, 0.6, 0.4, 0.25, 0.85)
  is_clip = len(frames) > 1
  codec = h264 if rng.random() < (0.9 if is_clip else 0.4) else jpeg
  effects = (motion_blur if rng.random() < 0.4 else defocus, sensor_noise, tone, resample, sharpen, codec)
  for effect, use in zip(effects, wanted, strict=True):
    if use:
      frames = effect(frames, rng, strength)
  return _to_bytes(frames).reshape(pictures.shape)


def defocus(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Blurs with a disc of up to 1.2 % of the height in radius."""
  radius = strength * rng.uniform(0.2, 1.2) / 100 * frames.shape[1]
  reach = int(np.ceil(radius))
  y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
  return _filtered(frames, np.clip(radius + 1 - np.hypot(x, y), 0, 1))


def motion_blur(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Blurs along a line of up to 2.5 % of the height."""
  length = strength * rng.uniform(0.3, 2.5) / 100 * frames.shape[1]
  angle = rng.uniform(0, np.pi)
  reach = int(np.ceil(length / 2))
  y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
  along = np.abs(x * np.cos(angle) + y * np.sin(angle))
  across = np.abs(y * np.cos(angle) - x * np.sin(angle))
  return _filtered(frames, np.clip(length / 2 + 1 - along, 0, 1) * np.clip(1 - across, 0, 1))


def sensor_noise(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Adds noise that grows with the light, finer in brightness than in color."""
  # Standard deviations in linear light at white and at black.
  level = strength * (0.1 + 0.9 * rng.random() ** 2)  # most recordings are clean
  shot, read = level * rng.uniform(0.03, 0.05), level * rng.uniform(0.0, 0.006)
  color_share, grain = rng.uniform(0.3, 1.0), rng.uniform(0, 0.7)
  n, height, width, _ = frames.shape
  noise = np.empty_like(frames)
  for frame in noise:  # one frame after the other: a longer clip begins with the noise of a shorter one
    fine = scipy.ndimage.gaussian_filter(rng.standard_normal((height, width), np.float32), grain)
    coarse = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32).repeat(2, 0).repeat(2, 1)
    coarse = scipy.ndimage.uniform_filter(coarse, (2, 2, 1))[:height, :width]
    frame[:] = (fine / fine.std())[..., None] + color_share * coarse / coarse.std()
  linear = frames**2.2
  linear = linear + noise * np.sqrt(shot**2 * linear + read**2)
  return np.clip(linear, 0, 1) ** (1 / 2.2)


def tone(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Changes gamma, contrast, saturation and white balance."""
  return shared_tone([frames], rng, strength)[0]


def shared_tone(
  pictures: Sequence[np.ndarray], rng: np.random.Generator, strength: float
) -> list[np.ndarray]:
  """The same change of `tone` for pictures `[..., h, w, 3]` of any sizes; [] for none."""
  draws = strength * rng.normal(0, (0.15, 0.12, 0.18, 0.03, 0.03, 0.03))
  gamma, contrast, saturation = np.exp(draws[:3])
  pictures = [np.clip(picture * np.exp(draws[3:]), 0, 1) ** gamma for picture in pictures]
  if not pictures:
    return []
  middle = np.concatenate([picture.ravel() for picture in pictures]).mean()
  changed = []
  for picture in pictures:
    gray = (picture @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    picture = gray + saturation * (picture - gray)
    changed.append(np.clip(middle + contrast * (picture - middle), 0, 1).astype(np.float32))
  return changed


def resample(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Reduces the frames to as little as 40 % of their size, and enlarges them again."""
  share = 1 - strength * rng.uniform(0.1, 0.6)
  down = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)[rng.integers(3)]
  up = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[rng.integers(2)]
  height, width = frames.shape[1:3]
  small = max(4, round(width * share)), max(4, round(height * share))
  reduced = (Image.fromarray(frame).resize(small, down) for frame in _to_bytes(frames))
  return _to_floats([np.asarray(frame.resize((width, height), up)) for frame in reduced])


def sharpen(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Sharpens with an unsharp mask, as phones do; edges may show halos."""
  amount, sigma = strength * rng.uniform(0.3, 1.5), rng.uniform(0.7, 1.6)
  smooth = scipy.ndimage.gaussian_filter(frames, (0, sigma, sigma, 0))
  return np.clip(frames + amount * (frames - smooth), 0, 1)


def jpeg(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Saves and loads as JPEG with 4:2:0 chroma, at qualities down to 40."""
  best, worst = JPEG_QUALITY
  return jpeg_round_trip(frames, round(best + strength * rng.random() * (worst - best)))


def h264(frames: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
  """Encodes and decodes as H.264 video with 4:2:0 chroma, at rate factors up to 35."""
  best, worst = H264_CRF
  return h264_round_trip(frames, round(best + strength * rng.random() * (worst - best)))


def jpeg_round_trip(frames: np.ndarray, quality: int) -> np.ndarray:
  """Frames after JPEG of a quality from 1 to 100."""
  decoded = []
  for frame in _to_bytes(frames):
    file = io.BytesIO()
    Image.fromarray(frame).save(file, 'JPEG', quality=quality, subsampling=2)
    decoded.append(np.asarray(Image.open(file)))
  return _to_floats(decoded)


def h264_round_trip(frames: np.ndarray, crf: int) -> np.ndarray:
  """Frames after H.264 of a constant rate factor from 0 to 51."""
  from seetalk_jax.media import video

  height, width = frames.shape[1:3]
  # H.264 needs even sides of 16 or more.
  more = [(0, max(16, side + side % 2) - side) for side in (height, width)]
  padded = np.pad(_to_bytes(frames), ((0, 0), *more, (0, 0)), mode='edge')
  return _to_floats(video.recoded(padded, crf)[:, :height, :width])


def _filtered(frames, kernel):
  kernel = (kernel / kernel.sum()).astype(np.float32)
  return scipy.ndimage.convolve(frames, kernel[None, :, :, None], mode='nearest')


def _to_bytes(frames):
  return np.round(np.clip(frames, 0, 1) * 255).astype(np.uint8)


def _to_floats(frames):
  return np.asarray(frames, np.uint8).astype(np.float32) / 255
