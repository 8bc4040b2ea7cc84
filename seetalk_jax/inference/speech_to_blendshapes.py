"""Blendshapes and head pose sampled from speech, for characters of other programs; no portrait is drawn.

from seetalk_jax import SpeechToBlendshapes
animate = SpeechToBlendshapes.load('demo')
shapes = animate('speech.wav', seed=0)
shapes['jawOpen']  # float32 [n], one value a frame
shapes.save('talk.csv')
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import COEFFICIENTS, FPS, MOTION_FIELDS, MotionStatus
from seetalk_jax.errors import InputError
from seetalk_jax.inference import argument_checks, speech_tokens
from seetalk_jax.inference import controls as controls_lib
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.motion_sampler import SPEECH_NETWORKS, MotionSampler
from seetalk_jax.inference.progress import Progress, StageTimer, no_progress
from seetalk_jax.inference.speech_tokens import SpeechLike
from seetalk_jax.media import motion_files
from seetalk_jax.releases import storage

_NEUTRAL: dict[str, float] = {name: 0.0 for name in MOTION_FIELDS}


@dataclasses.dataclass(frozen=True)
class Blendshapes:
  """Blendshapes and head pose of each frame at 25 fps.

  Attributes:
    motion: float32 `[n, 58]`, see `constants.MOTION_FIELDS`: 52 coefficients of at least 0, then pose and shift.
    status: uint8 `[58]`, `constants.MotionStatus` of each field: sampled, or estimated from motion latents.
    record: provenance: version, checkpoint, seed, device, sampling steps and guidance, controls.
  """

  motion: np.ndarray
  status: np.ndarray
  record: Mapping[str, Any]

  fps = FPS

  @classmethod
  def from_fields(
    cls, fields: Mapping[str, np.ndarray], status: MotionStatus, record: Mapping[str, Any]
  ) -> Blendshapes:
    """Blendshapes of all fields, `constants.MOTION_FIELDS` -> `[n]`; coefficients below 0 are set to 0."""
    motion = np.stack([fields[name] for name in MOTION_FIELDS], axis=1)
    motion[:, COEFFICIENTS] = np.maximum(motion[:, COEFFICIENTS], 0.0)
    return cls(motion, np.full(len(MOTION_FIELDS), status, np.uint8), record)

  def __repr__(self) -> str:
    known = int(np.sum(self.status != MotionStatus.ABSENT))
    return f'Blendshapes({len(self)} frames, {known} of {len(MOTION_FIELDS)} fields)'

  def __len__(self) -> int:
    return len(self.motion)

  def __getitem__(self, field: str) -> np.ndarray:
    """Values of a field of `constants.MOTION_FIELDS` such as 'jawOpen', float32 `[n]`.

    Raises:
      InputError: an unknown field.
    """
    if field not in MOTION_FIELDS:
      raise InputError(f'no field {field!r}: use names of constants.MOTION_FIELDS, such as jawOpen or yaw')
    return self.motion[:, MOTION_FIELDS.index(field)]

  def save(self, path: str | os.PathLike) -> pathlib.Path:
    """Writes a motion file: CSV in the layout of Live Link Face, or JSON, by its name; see `media.motion_files`.

    Raises:
      InputError: the name ends in neither .csv nor .json.
      OutputError: the file cannot be written.
    """
    motion_files.write(path, self.motion, self.status)
    return pathlib.Path(path)


class SpeechToBlendshapes:
  """Samples blendshapes from speech; needs only speech encoder, motion transformer and motion codec of a release.

  The motion is that of `SeeTalk`: same sampler, same seed. The start is the neutral motion vector instead of the
  motion of a portrait; training of the motion transformer on motion vectors varies its start around it.
  """

  def __init__(self, release: LoadedRelease, motion_sampler: MotionSampler | None = None):
    self._release = release
    self._motion_sampler = motion_sampler or MotionSampler(release)

  @classmethod
  def load(
    cls, checkpoint: str | os.PathLike = 'demo', device: str | jax.Device | None = None, cache: bool = False
  ) -> SpeechToBlendshapes:
    """Reads speech_encoder, motion_codec, motion_transformer and, if the release has it, lip_refiner.

    Args:
      checkpoint, device, cache: see `SeeTalk.load`; the release needs no other networks.

    Raises:
      CheckpointError: no such checkpoint, a damaged one, or one that lacks a network.
      InputError: no such device.
    """
    _, info = storage.read_info(checkpoint)
    refiner = [name for name in ('lip_refiner',) if name in info['networks']]
    return cls(LoadedRelease.load(checkpoint, device, cache, only=(*SPEECH_NETWORKS, *refiner)))

  def __repr__(self) -> str:
    return f'SpeechToBlendshapes({self._release.checkpoint!r}, {self._release.device})'

  @property
  def has_motion_vectors(self) -> bool:
    """Whether the motion codec was trained with motion vectors, which blendshapes are read from."""
    return self._motion_sampler.has_motion_vectors

  @property
  def networks(self) -> storage.Networks:
    """Modules, parameters, statistics."""
    return self._release.networks

  def __call__(
    self,
    speech: SpeechLike,
    *,
    seed: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    controls: Mapping[str, Any] | None = None,
    control_scales: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
    stage_seconds: dict[str, float] | None = None,
  ) -> Blendshapes:
    """Samples blendshapes and head pose for speech of any length.

    Args:
      speech: as for `SeeTalk.__call__`.
      seed: the same seed gives the same motion, bit for bit, on one kind of device.
      steps: network calls, 1 to 1000; None: the release's default.
      guidance_scale: how strongly the motion follows the speech; 1 is unguided.
      controls, control_scales: further conditions of the motion and their guidance scales; see `controls.resolve`.
      progress: called with (stage, done, total); stages are 'speech' and 'motion'.
      stage_seconds: elapsed seconds are added here, by stage.

    Returns:
      `Blendshapes` of `ceil(samples / 640)` frames. The fields are what `SeeTalk.controls_of` reads off the sampled
      motion latents; coefficients that it estimates below 0, which have no meaning, are set to 0.

    Raises:
      SpeechError: see `load_speech`.
      InputError: a number out of range, or a control that the checkpoint does not support.
      CheckpointError: the checkpoint lacks a network, or its motion codec was trained without motion vectors.
    """
    seed = argument_checks.whole('seed', seed, *argument_checks.SEEDS)
    speech = speech_tokens.as_speech(speech)
    self._release.need(*SPEECH_NETWORKS)
    self._motion_sampler.need_motion_vectors()
    modules = self.networks.modules
    available, style_code = modules['motion_transformer'].controls, self._motion_sampler.style_code
    resolved = controls_lib.resolve(controls, control_scales, available, speech.num_frames, style_code)
    sampling = self._release.sampling(steps, guidance_scale)
    timer = StageTimer({} if stage_seconds is None else stage_seconds, progress)
    with self._release.computing():
      self._motion_sampler.prepare(speech.num_frames, sampling, resolved)
      with timer('speech'):
        tokens = speech_tokens.encode(self._release, speech)
      with timer('motion'):
        start = jnp.asarray(self._motion_sampler.motion_of(_NEUTRAL))
        latents = self._motion_sampler.sample(tokens, start, seed, sampling, resolved)
        columns = self._motion_sampler.controls_of(latents[: speech.num_frames])
    record = {
      **self._release.record(seed),
      'motion_steps': int(sampling.motion_steps),
      'motion_guidance': float(sampling.motion_guidance),
      'lip_scale': float(sampling.lip_scale),
      **resolved.to_json(),
    }
    return Blendshapes.from_fields(columns, MotionStatus.SAMPLED, record)
