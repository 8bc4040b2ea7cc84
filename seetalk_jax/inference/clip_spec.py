"""Clip specification: everything that determines the frames of a clip, with checksums of large inputs.

Its JSON form is stored in the folder of an unfinished video, so that a later run can check that it continues
the same clip. The checksum of the JSON form (`job`) is stored in the metadata of the finished video.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.inference.sampling_options import SamplingOptions

CHECKSUM_LENGTH = 16  # hexadecimal digits


class Checksum(str):
  """A short checksum of content too large to store: the first 16 hexadecimal digits of its SHA-256."""

  @classmethod
  def of(cls, *parts: bytes | np.ndarray) -> Checksum:
    """Checksum of the concatenation of bytes and arrays."""
    digest = hashlib.sha256()
    for part in parts:
      digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
    return cls(digest.hexdigest()[:CHECKSUM_LENGTH])


@dataclasses.dataclass(frozen=True)
class SampledFace:
  """A portrait that is sampled to fit the voice.

  Attributes:
    number: index of the face among those of the seed.
  """

  number: int


@dataclasses.dataclass(frozen=True)
class SpeechMotion:
  """Motion that is sampled from speech.

  Attributes:
    speech: checksum of the waveform.
    sampling: sampling options of portrait and motion.
    controls: name -> checksum and scale, from `ResolvedControls.to_json`.
  """

  speech: Checksum
  sampling: SamplingOptions
  controls: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class DrivingMotion:
  """Motion that is read from a driving video.

  Attributes:
    video: checksum of the file.
    crop: left, top and side of the portrait crop in pixels; None if the frames are already portrait crops.
    relative: whether the motion starts at the portrait's own pose and expression.
  """

  video: Checksum
  crop: tuple[float, float, float] | None
  relative: bool


@dataclasses.dataclass(frozen=True)
class WholePicture:
  """The whole picture that rendered heads are put back into.

  Attributes:
    pixels: checksum of the picture.
    size: (height, width) in pixels.
    crop: left, top and side of the portrait crop in pixels.
  """

  pixels: Checksum
  size: tuple[int, int]
  crop: tuple[float, float, float]

  def to_json(self) -> dict[str, str]:
    """Its entries in the JSON form of a `ClipSpec`."""
    height, width = self.size
    crop = ' '.join(f'{value:.2f}' for value in self.crop)
    return {'full_frame': f'{width} x {height}', 'full_frame_picture': self.pixels, 'full_frame_crop': crop}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipSpec:
  """Everything that determines the frames of a clip.

  Attributes:
    num_frames: length of the clip at 25 frames per second.
    portrait: a sampled face, or the checksum of the user's portrait.
    motion: sampled from speech, read from a driving video, or the checksum of the user's motion latents.
    seed: seed of everything that is sampled; 0 if nothing is sampled.
    size: side of the frames in pixels; with `whole_picture`, their longer side.
    fusion: weight of the warped portrait in the HR decoder.
    renderer: see `Renderer.kind`.
    version, jax: versions of this library and of JAX.
    checkpoint_id: checksum of the release's index.
    crop_version: version of the portrait crop.
    device: platform of the computation.
    whole_picture: what the heads are put back into; None: the frames are portrait crops.
  """

  num_frames: int
  portrait: SampledFace | Checksum
  motion: SpeechMotion | DrivingMotion | Checksum
  seed: int = 0
  size: int
  fusion: float
  renderer: str
  version: str
  checkpoint_id: str
  crop_version: int
  device: str
  jax: str
  whole_picture: WholePicture | None = None

  @property
  def frame_size(self) -> tuple[int, int]:
    """(height, width) of the frames in pixels."""
    return (self.size, self.size) if self.whole_picture is None else self.whole_picture.size

  def to_json(self) -> dict[str, Any]:
    """Flat JSON form: name -> string or number. It must not change: unfinished videos are compared by it."""
    form: dict[str, Any] = {}
    motion = self.motion
    if isinstance(motion, SpeechMotion):
      form |= {'speech': motion.speech}
    elif isinstance(motion, DrivingMotion):
      crop = 'aligned' if motion.crop is None else ' '.join(f'{value:.2f}' for value in motion.crop)
      form |= {'driving': motion.video, 'driving_crop': crop}
    form |= {'num_frames': self.num_frames, 'portrait': self._portrait(f'given {self.portrait}')}
    form |= {**self._motion(), 'seed': self.seed, **self._sampling()}
    form |= {'size': self.size, 'fusion': self.fusion, 'renderer': self.renderer, 'version': self.version}
    form |= {'checkpoint_id': self.checkpoint_id, 'crop_version': self.crop_version, 'device': self.device}
    form |= {'jax': self.jax, **self._controls()}
    return form if self.whole_picture is None else form | self.whole_picture.to_json()

  def job_id(self) -> Checksum:
    """Checksum of the JSON form; clips with the same checksum have the same frames."""
    form = self.to_json()
    for option in ('portrait_asymmetry', 'lip_scale'):
      if form.get(option) == 1.0:
        del form[option]  # unfinished videos of versions without this option go on
    return Checksum.of(json.dumps(form, sort_keys=True).encode())

  def describe(self) -> dict[str, Any]:
    """Description of the clip for video metadata and --json, in addition to `LoadedRelease.record`."""
    return {
      'portrait': self._portrait('given'),
      **self._motion(),
      **self._sampling(),
      'fusion': self.fusion,
      'renderer': self.renderer,
      **self._controls(),
      **({} if self.whole_picture is None else {'full_frame': self.whole_picture.to_json()['full_frame']}),
      'job': self.job_id(),
    }

  def _portrait(self, otherwise: str) -> str:
    return f'sampled face {self.portrait.number}' if isinstance(self.portrait, SampledFace) else otherwise

  def _motion(self) -> dict[str, str]:
    if isinstance(self.motion, SpeechMotion):
      return {}
    if isinstance(self.motion, DrivingMotion):
      return {'motion': 'relative' if self.motion.relative else 'absolute'}
    return {'motion': f'given {self.motion}'}

  def _sampling(self) -> dict[str, float]:
    return self.motion.sampling.to_json() if isinstance(self.motion, SpeechMotion) else {}

  def _controls(self) -> Mapping[str, str]:
    return self.motion.controls if isinstance(self.motion, SpeechMotion) else {}
