"""Inputs of a clip: portrait, speech, driving video or motion, checked, and described by a `ClipSpec`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.inference import argument_checks
from seetalk_jax.inference import controls as controls_lib
from seetalk_jax.inference.clip_spec import (
  Checksum,
  ClipSpec,
  DrivingMotion,
  SampledFace,
  SpeechMotion,
  WholePicture,
)
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.motion_sampler import SPEECH_NETWORKS, MotionSampler
from seetalk_jax.inference.sampling_options import SamplingOptions
from seetalk_jax.inference.speech_tokens import SpeechLike, as_speech
from seetalk_jax.media import audio, driving, tracked_video
from seetalk_jax.media import face as face_lib
from seetalk_jax.media import full_frame as full_frame_lib
from seetalk_jax.media import image as image_lib

# A picture file, an aligned portrait, or a whole photo with the place of its face (`media.face.find_photo`).
PortraitLike = str | os.PathLike | np.ndarray | face_lib.Photo
# Whole pictures that heads are put back into.
Whole = full_frame_lib.FullFrame | tracked_video.VideoFullFrame


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Inputs:
  """Base class of the inputs of a clip.

  Attributes:
    spec: everything that determines the frames.
    speech: the speech of the clip, or None.
    sound: the sound track, or None.
    whole: the whole picture or video that the heads are put back into, without its color correction; None: the
      frames are portrait crops.
  """

  spec: ClipSpec
  speech: audio.Speech | None
  sound: audio.Sound | None
  whole: Whole | None = None

  @property
  def audio_seconds(self) -> float:
    """Length of the speech or other sound track in seconds; 0 for a silent clip."""
    if self.speech is not None:
      return self.speech.seconds
    return 0.0 if self.sound is None else self.sound.num_samples / self.sound.rate_hz


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeechInputs(_Inputs):
  """Checked inputs of a clip of speech.

  Attributes:
    portrait: uint8 `[side, side, 3]` in the size of the networks, or the face to sample.
    sampling: sampling options of portrait and motion.
    controls: controls of the motion.
  """

  speech: audio.Speech
  portrait: np.ndarray | SampledFace
  sampling: SamplingOptions
  controls: controls_lib.ResolvedControls


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrivingInputs(_Inputs):
  """Checked inputs of a reenactment.

  Attributes:
    portrait: uint8 `[side, side, 3]` in the size of the networks.
    video: the driving video, or the track of a motion file.
    relative: whether the motion starts at the portrait's own pose and expression.
  """

  portrait: np.ndarray
  video: driving.DrivingVideo | driving.DrivingTrack
  relative: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class MotionInputs(_Inputs):
  """Checked inputs of a clip with motion latents from the caller.

  Attributes:
    portrait: uint8 `[side, side, 3]` in the size of the networks.
    motion: latents, float32 `[num_frames, motion_dim]`.
  """

  portrait: np.ndarray
  motion: np.ndarray


ClipInputs = SpeechInputs | DrivingInputs | MotionInputs


class InputReader:
  """Reads and checks the inputs of clips, without sampling or rendering.

  Args:
    release: the release whose networks generate the clips.
    motion_sampler: encodes the video of a style control.
    renderer_kind: see `Renderer.kind`.
  """

  def __init__(self, release: LoadedRelease, motion_sampler: MotionSampler, renderer_kind: str):
    self._release, self._motion_sampler, self._renderer_kind = release, motion_sampler, renderer_kind

  def from_speech(
    self,
    speech: SpeechLike,
    *,
    seed: int = 0,
    portrait: PortraitLike | tracked_video.VideoFullFrame | None = None,
    face: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    controls: Mapping[str, Any] | None = None,
    control_scales: Mapping[str, float] | None = None,
    full_frame: bool = False,
  ) -> SpeechInputs:
    """The inputs of a clip of speech; arguments and errors are those of `SeeTalk.__call__`."""
    face = argument_checks.whole('face', face, 0, argument_checks.MAX_FACE)
    if full_frame and portrait is None:
      raise InputError('a full frame needs a photo, argument full_frame: give portrait as well')
    speech = as_speech(speech)
    chosen, whole = SampledFace(face), None
    if portrait is not None:
      chosen, whole = self._placed(portrait, full_frame, size, may_move=True)
    if isinstance(whole, tracked_video.VideoFullFrame) and speech.num_frames > whole.video.num_frames:
      raise InputError(
        f'{speech.num_frames / FPS:.2f} s of speech for {whole.video.num_frames / FPS:.2f} s of video, '
        f'{whole.video.path}: give a longer video, or a photo'
      )
    self._release.need(*SPEECH_NETWORKS)
    if isinstance(whole, tracked_video.VideoFullFrame):
      self._motion_sampler.need_motion_vectors()
    available = self._release.networks.modules['motion_transformer'].controls
    resolved = controls_lib.resolve(
      controls, control_scales, available, speech.num_frames, self._motion_sampler.style_code
    )
    sampling = self._release.sampling(steps, guidance_scale)
    spec = self._spec(
      num_frames=speech.num_frames,
      portrait=chosen if isinstance(chosen, SampledFace) else Checksum.of(chosen),
      motion=SpeechMotion(Checksum.of(speech.waveform), sampling, resolved.to_json()),
      seed=seed,
      size=size,
      fusion=fusion,
      whole=whole,
    )
    return SpeechInputs(
      spec=spec,
      portrait=chosen,
      speech=speech,
      sound=speech.sound,
      sampling=sampling,
      controls=resolved,
      whole=whole,
    )

  def from_video(
    self,
    portrait: PortraitLike,
    video: str | os.PathLike | driving.DrivingVideo | driving.DrivingTrack,
    *,
    relative: bool = True,
    size: int | None = None,
    fusion: float = 1.0,
    full_frame: bool = False,
  ) -> DrivingInputs:
    """The inputs of a reenactment; arguments and errors are those of `SeeTalk.reenact`."""
    pixels, whole = self._placed(portrait, full_frame, size)
    if isinstance(video, (str, os.PathLike)):
      video = driving.open_driving(video)
    self._release.need('motion_codec')
    box = video.box
    crop = None if box is None else (box.left, box.top, box.side)
    spec = self._spec(
      num_frames=video.num_frames,
      portrait=Checksum.of(pixels),
      motion=DrivingMotion(Checksum(video.checksum()), crop, relative),
      size=size,
      fusion=fusion,
      whole=whole,
    )
    return DrivingInputs(
      spec=spec,
      portrait=pixels,
      speech=None,
      sound=video.sound,
      video=video,
      relative=relative,
      whole=whole,
    )

  def from_motion(
    self,
    portrait: PortraitLike,
    motion: np.ndarray,
    *,
    speech: SpeechLike | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    full_frame: bool = False,
  ) -> MotionInputs:
    """The inputs of a clip of motion latents; arguments and errors are those of `SeeTalk.render`."""
    pixels, whole = self._placed(portrait, full_frame, size)
    motion = self.motion(motion)
    speech = None if speech is None else as_speech(speech)
    spec = self._spec(
      num_frames=len(motion),
      portrait=Checksum.of(pixels),
      motion=Checksum.of(motion),
      size=size,
      fusion=fusion,
      whole=whole,
    )
    sound = None if speech is None else speech.sound
    return MotionInputs(spec=spec, portrait=pixels, speech=speech, sound=sound, motion=motion, whole=whole)

  def motion(self, motion: np.ndarray) -> np.ndarray:
    """Motion latents, float32 `[n, motion_dim]`; errors are those of `SeeTalk.render`."""
    self._release.need('motion_codec')
    dim = self._motion_sampler.motion_dim
    try:
      motion = np.asarray(motion, np.float32)
    except (TypeError, ValueError):
      raise InputError(f'motion that is no array of numbers, argument motion: give [frames, {dim}]') from None
    if motion.ndim != 2 or len(motion) == 0 or motion.shape[1] != dim:
      raise InputError(f'motion of shape {motion.shape}, argument motion: give [frames, {dim}]')
    if not np.isfinite(motion).all():
      raise InputError('motion that is not finite, argument motion')
    return motion

  def portrait(self, portrait: PortraitLike) -> np.ndarray:
    """A portrait in the size of the networks, uint8 `[side, side, 3]`.

    Args:
      portrait: a picture file, an aligned portrait, uint8 `[h, h, 3]`, or a photo.

    Raises:
      PortraitError: see `media.face.aligned_portrait`, or an array of another shape or type.
    """
    side = self._release.side
    if isinstance(portrait, face_lib.Photo):
      return face_lib.crop_photo(portrait, side)
    if isinstance(portrait, (str, os.PathLike)):
      return face_lib.aligned_portrait(portrait, side)
    pixels = np.asarray(portrait)
    if pixels.dtype != np.uint8 or pixels.shape != (*2 * pixels.shape[:1], 3):
      raise PortraitError(f'portrait of {pixels.dtype} {pixels.shape}, argument: give uint8 [side, side, 3]')
    return image_lib.resize(pixels, (side, side))

  def _placed(
    self,
    portrait: PortraitLike | tracked_video.VideoFullFrame,
    full_frame: bool,
    size: int | None,
    may_move: bool = False,
  ) -> tuple[np.ndarray, Whole | None]:
    """The portrait in the size of the networks, and the whole picture or video if the heads go back into it."""
    if (
      isinstance(portrait, (str, os.PathLike))
      and full_frame
      and may_move
      and not image_lib.is_image(portrait)
    ):
      portrait = tracked_video.open_tracked(portrait, longer_side=_checked_size(size))
    if isinstance(portrait, tracked_video.VideoFullFrame):
      if not (full_frame and may_move):
        raise PortraitError('a video, argument portrait: it takes speech, with full_frame')
      return portrait.reader.crop(0, self._release.side), portrait
    if not full_frame:
      return self.portrait(portrait), None
    if isinstance(portrait, (str, os.PathLike)):
      portrait = face_lib.find_photo(portrait)
    if not isinstance(portrait, face_lib.Photo):
      raise PortraitError(
        'a full frame of a portrait crop, argument portrait: give the file of the whole photo'
      )
    return self.portrait(portrait), full_frame_lib.open_full_frame(portrait, _checked_size(size))

  def _spec(
    self,
    *,
    seed: int = 0,
    size: int | None,
    fusion: float,
    whole: Whole | None = None,
    **parts: Any,
  ) -> ClipSpec:
    seed = argument_checks.whole('seed', seed, *argument_checks.SEEDS)
    fusion = argument_checks.number('fusion', fusion, 0, 1)
    size = _checked_size(size) or self._release.side
    record = self._release.record(seed)
    return ClipSpec(
      seed=seed,
      size=size if whole is None else max(whole.size),
      whole_picture=None if whole is None else _described(whole),
      fusion=fusion,
      renderer=self._renderer_kind,
      jax=jax.__version__,
      **{name: record[name] for name in ('version', 'checkpoint_id', 'crop_version', 'device')},
      **parts,
    )


def _checked_size(size: int | None) -> int | None:
  return None if size is None else argument_checks.frame_size(size)


def _described(whole: Whole) -> WholePicture:
  if isinstance(whole, tracked_video.VideoFullFrame):
    video = whole.video
    left, top, side = map(float, video.boxes[0])
    return WholePicture(Checksum.of(video.checksum().encode(), video.boxes), video.size, (left, top, side))
  box = whole.box
  return WholePicture(Checksum.of(whole.picture), whole.size, (box.left, box.top, box.side))
