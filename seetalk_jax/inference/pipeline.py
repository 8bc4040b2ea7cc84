"""SeeTalk: speech to portrait to talking-face video, the whole way through the house; or a video drives a portrait."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.inference import controls as controls_lib
from seetalk_jax.inference import renderer, unfinished_video
from seetalk_jax.inference.clip import Clip
from seetalk_jax.inference.loaded_release import LoadedRelease, key_for
from seetalk_jax.inference.progress import Progress, StageTimer, no_progress
from seetalk_jax.inference.speech_to_portrait import PORTRAIT_SAMPLING, SpeechToPortrait, as_speech
from seetalk_jax.media import audio, driving
from seetalk_jax.media import face as face_lib
from seetalk_jax.media import image as image_lib
from seetalk_jax.models.motion.motion_controls import style_code
from seetalk_jax.sampling import motion as motion_sampling

# Where neither the caller nor the release says otherwise.
SAMPLING = {**PORTRAIT_SAMPLING, 'motion_steps': 20, 'motion_guidance': 1.0}

# Of a plan: what a clip's record has no word on, because the file itself shows it or nobody could read it.
_UNTOLD = ('speech', 'driving', 'driving_crop', 'num_frames', 'size', 'jax')
_VIDEO = ('speech_encoder', 'motion_codec', 'motion_transformer')


class SeeTalk:
  """A loaded checkpoint, ready to turn speech into portraits and clips.

  Programs are compiled on first use and kept; every one has one shape whatever the length of the speech.

  Attributes:
    networks: modules, parameters, statistics.
    checkpoint: the name it was loaded by.
    device: where it computes.
    speech_to_portrait: the first half of the way, by itself.
  """

  def __init__(self, loaded: LoadedRelease):
    self._loaded = loaded
    self.networks, self.checkpoint, self.device = loaded.networks, loaded.checkpoint, loaded.device
    self.speech_to_portrait = SpeechToPortrait(loaded)
    self._renderer = renderer.Renderer(self.networks.modules, self.device)

  @classmethod
  def load(
    cls, checkpoint: str | os.PathLike = 'demo', device: str | jax.Device | None = None, cache: bool = True
  ) -> SeeTalk:
    """Reads a released checkpoint.

    Args:
      checkpoint: a folder with seetalk.json, or 'demo'.
      device: 'cpu', 'gpu', 'tpu', a JAX device, or None for JAX's default.
      cache: keep compiled programs in the user's cache folder, unless JAX has another place already.

    Raises:
      CheckpointError: no such checkpoint, or a damaged one.
      InputError: no such device.
    """
    return cls(LoadedRelease.load(checkpoint, device, cache))

  def __call__(
    self,
    speech: str | os.PathLike | np.ndarray | audio.Speech,
    *,
    seed: int = 0,
    portrait: str | os.PathLike | np.ndarray | None = None,
    face: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    controls: Mapping[str, Any] | None = None,
    control_scales: Mapping[str, float] | None = None,
    resume: str | os.PathLike | None = None,
    progress: Progress = no_progress,
  ) -> Clip:
    """Decides who speaks and how they move; the frames are drawn when the `Clip` is asked for them.

    Args:
      speech: a file, float or integer samples at 16 kHz `[n]`, or a `Speech`.
      seed: the same seed gives the same frames, bit for bit, on one kind of device.
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`; None: made to fit the voice.
      face: which of the sampled faces of this seed speaks; of no effect with `portrait`.
      steps: network calls per sampled portrait and motion; None: as the release says.
      guidance_scale: how strongly portrait and motion follow the voice; 1 is unguided.
      size: side of the frames in pixels, even; None: the networks' own.
      fusion: 0 trusts the decoder's codebook, 1 the warped portrait.
      controls, control_scales: what else the motion follows, and how strongly; see `controls.resolve`.
      resume: the output of an earlier run that ended early: where it has left an unfinished video, portrait and
        motion are read from there and not sampled again (`clip.save(output, resume=True)` keeps its frames too).
      progress: called with (stage, done, total).

    Raises:
      SpeechError, PortraitError: see `load_speech`, `aligned_portrait`.
      InputError: a number out of range, or an unfinished video of other inputs at `resume`.
      CheckpointError: the checkpoint lacks a network, or asks for a way of sampling that its prior cannot do.
    """
    speech = as_speech(speech)
    portrait = None if portrait is None else self._given_portrait(portrait)
    asked = self._asked(controls, control_scales, speech.num_frames)
    plan = self.plan(
      speech,
      seed=seed,
      portrait=portrait,
      face=face,
      steps=steps,
      guidance_scale=guidance_scale,
      size=size,
      fusion=fusion,
      controls=asked,
    )
    decided = None if resume is None else unfinished_video.find(resume, plan)
    stage1, loaded = self.speech_to_portrait, self._loaded
    spent: dict[str, float] = {}
    stage = StageTimer(spent, progress)
    with loaded.computing():
      if decided is None and portrait is None:
        draw = stage1.prepare(steps=steps, guidance_scale=guidance_scale)
      self._renderer.prepare(loaded.params, loaded.collections, self.side, self._motion_dim)
      if decided is None:
        with stage('speech'):
          tokens = stage1.tokens(speech)
        if portrait is None:
          with stage('portrait'):
            portrait = draw(stage1.voice(tokens), seed, face).portrait
        with stage('motion'):
          look = self._look(portrait)
          motion = self._sampled_motion(tokens, look[1], seed, plan, asked)
        decided = unfinished_video.Decided(portrait, motion[: speech.num_frames])
      else:
        look = self._look(decided.portrait)
      render = self._renderer.bind(loaded.params, loaded.collections, *look, decided.motion, fusion)
    return self._clip(decided, render, plan, spent, progress, speech, speech.sound)

  def plan(
    self,
    speech: str | os.PathLike | np.ndarray | audio.Speech,
    *,
    seed: int = 0,
    portrait: str | os.PathLike | np.ndarray | None = None,
    face: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    controls: Mapping[str, Any] | controls_lib.Asked | None = None,
    control_scales: Mapping[str, float] | None = None,
  ) -> unfinished_video.Plan:
    """What decides every frame of the clip that `__call__` would make of the same arguments; computes nothing.

    Raises:
      as `__call__`, as far as arguments go.
    """
    speech = as_speech(speech)
    asked = self._asked(controls, control_scales, speech.num_frames)
    return {
      'speech': unfinished_video.checksum(speech.waveform),
      'num_frames': speech.num_frames,
      'portrait': f'sampled face {face}' if portrait is None else self._portrait_plan(portrait),
      'seed': seed,
      **self._sampling(steps, guidance_scale),
      **self._frame_plan(size, fusion),
      **asked.plan(),
    }

  def reenact(
    self,
    portrait: str | os.PathLike | np.ndarray,
    video: str | os.PathLike | driving.DrivingVideo,
    *,
    relative: bool = True,
    size: int | None = None,
    fusion: float = 1.0,
    resume: str | os.PathLike | None = None,
    progress: Progress = no_progress,
  ) -> Clip:
    """Gives a portrait the motion of a video: as long as the video, with its sound, and without a draw of chance.

    Args:
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`.
      video: a file, or what `media.driving.open_driving` makes of one (for its options).
      relative: the portrait keeps its own pose and expression and takes how those of the video differ from the
        video's first frame; else it takes those of the video as they are.
      size, fusion, resume, progress: see `__call__`.

    Returns:
      a `Clip` without speech; its `sound` is the video's, or None.

    Raises:
      PortraitError: see `aligned_portrait`, `open_driving`.
      InputError: not a video, a number out of range, or an unfinished video of other inputs at `resume`.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    portrait = self._given_portrait(portrait)
    if not isinstance(video, driving.DrivingVideo):
      video = driving.open_driving(video)
    plan = self.reenactment_plan(portrait, video, relative=relative, size=size, fusion=fusion)
    decided = None if resume is None else unfinished_video.find(resume, plan)
    loaded, spent = self._loaded, {}
    stage = StageTimer(spent, progress)
    with loaded.computing():
      self._renderer.prepare(loaded.params, loaded.collections, self.side, self._motion_dim)
      look = self._look(portrait)
      if decided is None:
        with stage('motion', video.num_frames) as advance:
          motion = self._driven_motion(video, look[1] if relative else None, advance)
        decided = unfinished_video.Decided(portrait, motion)
      render = self._renderer.bind(loaded.params, loaded.collections, *look, decided.motion, fusion)
    return self._clip(decided, render, plan, spent, progress, None, video.sound)

  def reenactment_plan(
    self,
    portrait: str | os.PathLike | np.ndarray,
    video: driving.DrivingVideo,
    *,
    relative: bool = True,
    size: int | None = None,
    fusion: float = 1.0,
  ) -> unfinished_video.Plan:
    """What decides every frame of the clip that `reenact` would make of the same arguments; computes nothing.

    Raises:
      as `reenact`, as far as arguments go.
    """
    self._loaded.need('motion_codec')
    box = video.box
    return {
      'driving': video.checksum(),
      'driving_crop': 'aligned' if box is None else f'{box.left:.2f} {box.top:.2f} {box.side:.2f}',
      'num_frames': video.num_frames,
      'portrait': self._portrait_plan(portrait),
      'motion': 'relative' if relative else 'absolute',
      'seed': 0,
      **self._frame_plan(size, fusion),
    }

  def render(
    self,
    portrait: str | os.PathLike | np.ndarray,
    motion: np.ndarray,
    *,
    speech: str | os.PathLike | np.ndarray | audio.Speech | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    progress: Progress = no_progress,
  ) -> Clip:
    """Gives a portrait any motion: an edited track, a walk along a direction, another model's latents.

    Args:
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`.
      motion: `[n, motion_dim]`, a latent for each frame, such as those of `Clip.motion`.
      speech: the sound of the clip, as for `__call__`; None: silent.
      size, fusion, progress: see `__call__`.

    Raises:
      PortraitError, SpeechError: see `aligned_portrait`, `load_speech`.
      InputError: latents of another size or not finite, or a number out of range.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    portrait = self._given_portrait(portrait)
    self._loaded.need('motion_codec')
    motion = np.asarray(motion, np.float32)
    if motion.ndim != 2 or len(motion) == 0 or motion.shape[1] != self._motion_dim:
      raise InputError(f'motion of shape {motion.shape}, argument motion: give [frames, {self._motion_dim}]')
    if not np.isfinite(motion).all():
      raise InputError('motion that is not finite, argument motion')
    speech = None if speech is None else as_speech(speech)
    plan = {
      'num_frames': len(motion),
      'portrait': self._portrait_plan(portrait),
      'motion': f'given {unfinished_video.checksum(motion)}',
      'seed': 0,
      **self._frame_plan(size, fusion),
    }
    loaded, sound = self._loaded, None if speech is None else speech.sound
    with loaded.computing():
      self._renderer.prepare(loaded.params, loaded.collections, self.side, self._motion_dim)
      render = self._renderer.bind(loaded.params, loaded.collections, *self._look(portrait), motion, fusion)
    return self._clip(unfinished_video.Decided(portrait, motion), render, plan, {}, progress, speech, sound)

  def portrait(
    self,
    speech: str | os.PathLike | np.ndarray | audio.Speech,
    num: int = 1,
    seed: int = 0,
    *,
    steps: int | None = None,
    guidance_scale: float | None = None,
    progress: Progress = no_progress,
    stage_seconds: dict[str, float] | None = None,
  ) -> np.ndarray:
    """Samples `num` portraits of a speaker who fits the voice; `speech_to_portrait` takes more options.

    Returns:
      uint8 `[num, h, w, 3]`; number i is the one that `pipe(speech, face=i)` animates.
    """
    return self.speech_to_portrait(  # pyright: ignore[reportReturnType]
      speech,
      num,
      seed,
      steps=steps,
      guidance_scale=guidance_scale,
      progress=progress,
      stage_seconds=stage_seconds,
    )

  @functools.cached_property
  def side(self) -> int:
    """Side in pixels of portraits and frames before any resizing."""
    if 'face_prior_mean' in self.networks.statistics and 'autoencoder' in self.networks.modules:
      latent_side = self.networks.statistics['face_prior_mean'].shape[0]
      return latent_side * self.networks.modules['autoencoder'].factor
    return int(self.networks.statistics.get('image_size', 256))

  def read_portrait(
    self, path: str | os.PathLike, landmarker: str | os.PathLike | None = None, aligned: bool = False
  ) -> np.ndarray:
    """The portrait crop of a picture file in this checkpoint's size; see `media.face.aligned_portrait`."""
    return face_lib.aligned_portrait(path, self.side, landmarker=landmarker, aligned=aligned)

  def record(self, seed: int) -> dict[str, Any]:
    """What a result is made by: kept in its metadata and reported by the command line."""
    return self._loaded.record(seed)

  def describe(self, plan: unfinished_video.Plan) -> dict[str, Any]:
    """What a clip of a plan says of itself: see `record`, and its sampling, portrait, renderer and job."""
    told = {name: value for name, value in plan.items() if name not in _UNTOLD}
    portrait = 'given' if str(plan['portrait']).startswith('given') else plan['portrait']
    return {**self.record(plan['seed']), **told, 'portrait': portrait, 'job': unfinished_video.job_id(plan)}

  def _sampling(self, steps: int | None, guidance_scale: float | None) -> dict[str, float]:
    return self._loaded.sampling(
      SAMPLING,
      portrait_steps=steps,
      portrait_guidance=guidance_scale,
      motion_steps=steps,
      motion_guidance=guidance_scale,
    )

  def _portrait_plan(self, portrait: str | os.PathLike | np.ndarray) -> str:
    return f'given {unfinished_video.checksum(self._given_portrait(portrait))}'

  def _frame_plan(self, size: int | None, fusion: float) -> dict[str, str | float]:
    """What decides frames once portrait and motion are there."""
    if size is not None and (size % 2 or size < 16):
      raise InputError(f'size {size}, argument size: give an even number of 16 or more')
    record = self._loaded.record(0)
    return {
      'size': self.side if size is None else size,
      'fusion': fusion,
      'renderer': self._renderer.kind,
      **{name: record[name] for name in ('version', 'checkpoint_id', 'crop_version', 'device')},
      'jax': jax.__version__,
    }

  @property
  def _motion_dim(self) -> int:
    return self.networks.modules['motion_codec'].motion_dim

  def _look(self, portrait: np.ndarray) -> tuple[Any, jax.Array]:
    """What is kept of a portrait, and its motion latent `[1, motion_dim]`."""
    return self._renderer.look(self._loaded.params, portrait)

  def _asked(self, controls, scales, num_frames: int) -> controls_lib.Asked:
    if isinstance(controls, controls_lib.Asked):
      return controls
    self._loaded.need(*_VIDEO)
    known = self.networks.modules['motion_transformer'].controls
    return controls_lib.resolve(controls, scales, known, num_frames, self._style_of)

  def _style_of(self, video: str | os.PathLike | driving.DrivingVideo) -> np.ndarray:
    """The style code `[1, 3 motion_dim]` of somebody in a video."""
    video = video if isinstance(video, driving.DrivingVideo) else driving.open_driving(video)
    with self._loaded.computing():
      motion = self._driven_motion(video, None, lambda done: None)
    mean, std = (np.asarray(self.networks.statistics[name]) for name in ('motion_mean', 'motion_std'))
    return np.asarray(style_code(((motion - mean) / std)[None]))

  def _sampled_motion(
    self, tokens: jax.Array, m_0: jax.Array, seed: int, plan: unfinished_video.Plan, asked: controls_lib.Asked
  ) -> np.ndarray:
    """float32 `[num_frames, motion_dim]`: what the speech makes the portrait do."""
    modules, params = self.networks.modules, self._loaded.params
    motion = motion_sampling.sample_motion(
      modules,
      params,
      self._loaded.statistics,
      tokens,
      m_0,
      key_for(seed, 'motion'),
      num_steps=int(plan['motion_steps']),
      guidance_scale=float(plan['motion_guidance']),
      controls=asked.values,
      control_scales=asked.scales,
    )
    if 'lip_refiner' in modules:
      motion = motion_sampling.refine_lips(modules, params, motion, tokens)
    return np.asarray(motion)[0]

  def _driven_motion(self, video: driving.DrivingVideo, m_0: jax.Array | None, advance) -> np.ndarray:
    """float32 `[num_frames, motion_dim]` as phi_m reads it; beginning in `m_0` `[1, motion_dim]` if that is given."""
    motion, done = np.empty((video.num_frames, self._motion_dim), np.float32), 0
    for frames in video.crops(self.side, renderer.READ_BATCH):
      motion[done : done + len(frames)] = self._renderer.read(self._loaded.params, frames)
      done += len(frames)
      advance(done)
    return motion if m_0 is None else np.asarray(m_0) + (motion - motion[:1])

  def _clip(self, decided, render, plan, spent, progress, speech, sound) -> Clip:
    return Clip(
      speech=speech,
      sound=sound,
      portrait=decided.portrait,
      motion=decided.motion,
      num_frames=plan['num_frames'],
      size=(plan['size'], plan['size']),
      render=render,
      chunk=renderer.CHUNK,
      record=self.describe(plan),
      plan=plan,
      stage_seconds=spent,
      progress=progress,
    )

  def _given_portrait(self, portrait: str | os.PathLike | np.ndarray) -> np.ndarray:
    if isinstance(portrait, (str, os.PathLike)):
      return self.read_portrait(portrait)
    pixels = np.asarray(portrait)
    if pixels.dtype != np.uint8 or pixels.shape != (*2 * pixels.shape[:1], 3):
      raise PortraitError(f'portrait of {pixels.dtype} {pixels.shape}, argument: give uint8 [side, side, 3]')
    return image_lib.resize(pixels, (self.side, self.side))


load = SeeTalk.load
