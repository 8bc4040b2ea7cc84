"""SeeTalk pipeline: speech to portrait to talking-face video, or reenactment of a portrait by a video."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from seetalk_jax import files
from seetalk_jax.constants import MOTION_FIELDS, MotionStatus
from seetalk_jax.errors import InputError
from seetalk_jax.inference import renderer, unfinished_video
from seetalk_jax.inference.clip import Clip
from seetalk_jax.inference.clip_inputs import (
  ClipInputs,
  DrivingInputs,
  InputReader,
  MotionInputs,
  PortraitLike,
  SpeechInputs,
  SpeechLike,
)
from seetalk_jax.inference.clip_spec import ClipSpec, SampledFace
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.motion_sampler import MotionSampler
from seetalk_jax.inference.portraits import Portraits
from seetalk_jax.inference.progress import Progress, StageTimer, no_progress
from seetalk_jax.inference.session import Session
from seetalk_jax.inference.speech_to_blendshapes import Blendshapes, SpeechToBlendshapes
from seetalk_jax.inference.speech_to_portrait import SampledPortrait, SpeechToPortrait, Voice
from seetalk_jax.inference.unfinished_video import PortraitAndMotion
from seetalk_jax.media import driving, tracked_video
from seetalk_jax.media import face as face_lib


class SeeTalk:
  """A loaded checkpoint that generates portraits and clips from speech.

  Functions are compiled on first use and kept; their shapes do not depend on the length of the speech.

  Attributes:
    release: the loaded checkpoint, its parameters on the device.
    networks: modules, parameters (on the host), statistics.
    checkpoint: the name or path that it was loaded from.
    device: the device of the computation.
    speech_to_portrait: the portrait sampler.
    speech_to_blendshapes: the sampler of blendshapes, without a portrait.
    inputs: checks the inputs of clips, for `make_clip`.
  """

  def __init__(self, release: LoadedRelease):
    self.release = release
    self.networks, self.checkpoint, self.device = release.networks, release.checkpoint, release.device
    self.speech_to_portrait = SpeechToPortrait(release)
    self._motion_sampler = MotionSampler(release)
    self.speech_to_blendshapes = SpeechToBlendshapes(release, self._motion_sampler)
    self._renderer = renderer.Renderer(release)
    self.inputs = InputReader(release, self._motion_sampler, self._renderer.kind)

  @classmethod
  def load(
    cls, checkpoint: str | os.PathLike = 'demo', device: str | jax.Device | None = None, cache: bool = False
  ) -> SeeTalk:
    """Reads a released checkpoint.

    Args:
      checkpoint: a folder with seetalk.json, 'demo', or 'hf:owner/name' and 'hf:owner/name@revision' of the Hugging
        Face Hub (extra `hub`).
      device: 'cpu', 'gpu', 'tpu', a JAX device, or None for JAX's default.
      cache: store compiled programs in the user's cache folder, so that the next process starts faster. It sets
        JAX's compilation cache for the whole process, other code included, unless JAX already has a cache folder.
        False leaves JAX's configuration as it is.

    Raises:
      CheckpointError: no such checkpoint, or a damaged one.
      InputError: no such device.
    """
    return cls(LoadedRelease.load(checkpoint, device, cache))

  def __call__(
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
    resume: str | os.PathLike | None = None,
    progress: Progress = no_progress,
  ) -> Clip:
    """Samples portrait and motion for speech; frames are rendered when they are read from the `Clip`.

    Args:
      speech: a file, float or integer samples at 16 kHz `[n]`, `(samples, rate_hz)` for another rate, or a `Speech`.
      seed: -2^31 to 2^32 - 1; the same seed gives the same frames, bit for bit, on one kind of device.
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`; None: sampled to fit the voice.
      face: index of the sampled portrait among those of this seed, 0 or more; unused with `portrait`.
      steps: network calls per sampled portrait and motion, 1 to 1000; None: the release's default.
      guidance_scale: how strongly portrait and motion follow the voice; 1 is unguided.
      size: side of the frames in pixels, even; None: that of the networks. With `full_frame`, the longer side; None:
        that of the photo, at most `media.full_frame.MAX_SIDE`.
      fusion: weight of the warped portrait in the HR decoder, 0 to 1; at 0 it relies on the codebook alone.
      controls, control_scales: further conditions of the motion and their guidance scales; see
        `controls.resolve`.
      full_frame: put the moving head back into the whole photo; `portrait` is then a picture file, or what
        `media.face.find_photo` gives of one. Or a video (`media.tracked_video.open_tracked`), whose person keeps
        their own motion and speaks the speech; it must be as long as the speech.
      resume: output of an interrupted earlier run. If it has an unfinished video, portrait and motion are
        read from it instead of being sampled again (`clip.save(output, resume=True)` also keeps its frames).
      progress: called with (stage, done, total).

    Raises:
      SpeechError, PortraitError: see `load_speech`, `aligned_portrait`.
      InputError: a number out of range, or an unfinished video of other inputs at `resume`.
      CheckpointError: the checkpoint lacks a network, or sets an autoguidance that its face prior does not support.
    """
    inputs = self.inputs.from_speech(
      speech,
      seed=seed,
      portrait=portrait,
      face=face,
      steps=steps,
      guidance_scale=guidance_scale,
      size=size,
      fusion=fusion,
      controls=controls,
      control_scales=control_scales,
      full_frame=full_frame,
    )
    return self.make_clip(inputs, unfinished=_find(resume, inputs), progress=progress)

  def reenact(
    self,
    portrait: PortraitLike,
    video: str | os.PathLike | driving.DrivingVideo | driving.DrivingTrack,
    *,
    relative: bool = True,
    size: int | None = None,
    fusion: float = 1.0,
    full_frame: bool = False,
    resume: str | os.PathLike | None = None,
    progress: Progress = no_progress,
  ) -> Clip:
    """Gives a portrait the motion of a video; the clip has the length and sound of the video, and no seed.

    Args:
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`.
      video: a video, a motion file (`media.motion_files`), or what `media.driving.open_driving` gives of one.
      relative: True: motion relative to the video's first frame is added to the portrait's own pose and
        expression; False: pose and expression of the video are used unchanged.
      size, fusion, full_frame, resume, progress: see `__call__`.

    Returns:
      a `Clip` without speech; its `sound` is the video's, or None.

    Raises:
      PortraitError: see `aligned_portrait`, `open_driving`.
      InputError: not a video, a number out of range, or an unfinished video of other inputs at `resume`.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    inputs = self.inputs.from_video(
      portrait, video, relative=relative, size=size, fusion=fusion, full_frame=full_frame
    )
    return self.make_clip(inputs, unfinished=_find(resume, inputs), progress=progress)

  def animate(self, portrait: PortraitLike, speech: SpeechLike, **options: Any) -> Clip:
    """A given portrait speaks: `pipe(speech, portrait=portrait, ...)`.

    Args:
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`.
      speech, options: see `__call__`.

    Raises:
      The errors of `__call__`.
    """
    return self(speech, portrait=portrait, **options)

  def videos(
    self, recordings: Iterable[str | os.PathLike], folder: str | os.PathLike, **options: Any
  ) -> Iterator[pathlib.Path]:
    """Makes a video of each recording, one after the other, and yields its path when it is written.

    ```python
    for path in pipe.videos(pathlib.Path('speeches').glob('*.wav'), 'videos'):
      print(path)
    ```

    Args:
      recordings: files of speech.
      folder: of the videos, which are named after the recordings; created if missing.
      options: see `__call__`.

    Raises:
      InputError: two recordings would have videos of one name; raised before the first video is made.
      The errors of `__call__` and `Clip.save`.
    """
    outputs: dict[pathlib.Path, str | os.PathLike] = {}
    for recording in recordings:
      path = pathlib.Path(folder) / f'{pathlib.Path(recording).stem}.mp4'
      if path in outputs:
        raise InputError(f'{recording} and {outputs[path]} would both become {path}: rename one')
      outputs[path] = recording
    files.make_folder(folder)
    return (self(recording, **options).save(path) for path, recording in outputs.items())

  def render(
    self,
    portrait: PortraitLike,
    motion: np.ndarray,
    *,
    speech: SpeechLike | None = None,
    size: int | None = None,
    fusion: float = 1.0,
    full_frame: bool = False,
    progress: Progress = no_progress,
  ) -> Clip:
    """Renders a portrait with any motion: an edited track, an interpolation, the latents of another model.

    Args:
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`.
      motion: `[n, motion_dim]`, one latent per frame, such as `Clip.motion`.
      speech: the sound of the clip, as for `__call__`; None: silent.
      size, fusion, full_frame, progress: see `__call__`.

    Raises:
      PortraitError, SpeechError: see `aligned_portrait`, `load_speech`.
      InputError: latents of another size or not finite, or a number out of range.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    inputs = self.inputs.from_motion(
      portrait, motion, speech=speech, size=size, fusion=fusion, full_frame=full_frame
    )
    return self.make_clip(inputs, progress=progress)

  def session(self, portrait: PortraitLike, **options: Any) -> Session:
    """Starts a live session: audio is pushed while it arrives, and frames are pulled; see `Session`.

    ```python
    session = pipe.session('face.png')
    session.push(samples)
    for frames, audio in session:
      show(frames, audio)
    ```

    It returns when everything is compiled.

    Args:
      portrait: a picture file or an aligned portrait, uint8 `[h, w, 3]`.
      options: arguments of `Session`: seed, lookahead, chunk, steps, guidance_scale, size, fusion, controls,
        control_scales, max_waiting.

    Raises:
      PortraitError: see `aligned_portrait`.
      InputError: a number out of range, or a control that the checkpoint does not support.
      CheckpointError: the checkpoint lacks a network, or its motion transformer takes no past frames.
    """
    return Session(
      self.release, self._motion_sampler, self._renderer, self.inputs.portrait(portrait), **options
    )

  def controls_of(self, motion: np.ndarray) -> dict[str, np.ndarray]:
    """Reads head pose, gaze, eyelids, brows and lips of motion latents, as the motion codec was trained to.

    ```python
    clip = pipe('speech.wav')
    controls = pipe.controls_of(clip.motion)
    controls['eyeBlinkLeft'][:] = controls['eyeBlinkRight'][:] = 0  # never blinks
    controls['yaw'] += 0.2  # radians, to the person's left
    edited = pipe.render(clip.portrait, pipe.motion_of(controls), speech=clip.speech)
    ```

    Args:
      motion: `[n, motion_dim]`, such as `Clip.motion`.

    Returns:
      field of `constants.MOTION_FIELDS`, with units and ranges there -> float32 `[n]`. These are estimates.

    Raises:
      InputError: latents of another size or not finite.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    return self._motion_sampler.controls_of(self.inputs.motion(motion))

  def blendshapes_of(self, motion: np.ndarray) -> Blendshapes:
    """The values of `controls_of` as `Blendshapes`, to save as a motion file.

    Args:
      motion: `[n, motion_dim]`, such as `Clip.motion`.

    Returns:
      `Blendshapes` whose fields are estimates; coefficients below 0 are set to 0.

    Raises:
      InputError: latents of another size or not finite.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    return Blendshapes.from_fields(
      self.controls_of(motion), MotionStatus.ESTIMATED, {'device': self.device.platform}
    )

  def motion_of(self, controls: Mapping[str, Any] | Blendshapes) -> np.ndarray:
    """Motion latents with these controls: the inverse of `controls_of` and `blendshapes_of`, for `render`.

    `motion_of(controls_of(motion))` is close to `motion`; what the fields do not describe is lost.

    Args:
      controls: field of `constants.MOTION_FIELDS` -> values `[n]`, or one number for all frames; absent fields
        are 0, the neutral value. Or `Blendshapes`.

    Returns:
      float32 `[n, motion_dim]`.

    Raises:
      InputError: an unknown field, values that are not finite numbers, or lengths that differ.
      CheckpointError: the checkpoint lacks the motion codec.
    """
    if isinstance(controls, Blendshapes):
      controls = {field: controls[field] for field in MOTION_FIELDS}
    return self._motion_sampler.motion_of(controls)

  def portrait(
    self,
    speech: SpeechLike,
    num: int = 1,
    seed: int = 0,
    *,
    steps: int | None = None,
    guidance_scale: float | None = None,
    progress: Progress = no_progress,
    stage_seconds: dict[str, float] | None = None,
  ) -> np.ndarray:
    """Samples `num` portraits of a speaker who fits the voice; `speech_to_portrait` has more options.

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

  def portraits(
    self, speech: SpeechLike, num: int = 4, seed: int = 0, *, progress: Progress = no_progress
  ) -> Portraits:
    """Samples `num` portraits of a speaker who fits the voice, as a sequence that notebooks show.

    ```python
    faces = pipe.portraits('speech.wav', num=4)
    clip = pipe.animate(faces[2], 'speech.wav')
    ```

    Args:
      speech, num, seed, progress: see `portrait`, which returns their pixels and takes more options.

    Raises:
      SpeechError, InputError, CheckpointError: see `SpeechToPortrait.__call__`.
    """
    return Portraits(self.portrait(speech, num, seed, progress=progress), seed, self.record(seed))

  def blendshapes(
    self,
    speech: SpeechLike,
    *,
    seed: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    controls: Mapping[str, Any] | None = None,
    control_scales: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
  ) -> Blendshapes:
    """Samples the 52 ARKit blendshapes and the head pose of each frame for speech, without a portrait.

    shapes = pipe.blendshapes('speech.wav')
    shapes['jawOpen']  # float32 [n]
    shapes.save('talk.csv')  # Live Link Face; or talk.json

    `SpeechToBlendshapes.load` reads only the networks that this needs.

    Args:
      speech, seed, steps, guidance_scale, controls, control_scales, progress: see `__call__`.

    Returns:
      `Blendshapes`; see `SpeechToBlendshapes.__call__`.

    Raises:
      SpeechError, InputError, CheckpointError: see `SpeechToBlendshapes.__call__`.
    """
    return self.speech_to_blendshapes(
      speech,
      seed=seed,
      steps=steps,
      guidance_scale=guidance_scale,
      controls=controls,
      control_scales=control_scales,
      progress=progress,
    )

  def plan(self, speech: SpeechLike, **options: Any) -> ClipSpec:
    """Specification of the clip that `__call__` would generate; samples nothing.

    Args:
      speech, options: as for `__call__`, without `resume` and `progress`.

    Raises:
      The errors of `__call__` for invalid arguments.
    """
    return self.inputs.from_speech(speech, **options).spec

  def reenactment_plan(
    self, portrait: PortraitLike, video: driving.DrivingVideo | driving.DrivingTrack, **options: Any
  ) -> ClipSpec:
    """Specification of the clip that `reenact` would generate; computes nothing.

    Args:
      portrait, video, options: as for `reenact`, without `resume` and `progress`.

    Raises:
      The errors of `reenact` for invalid arguments.
    """
    return self.inputs.from_video(portrait, video, **options).spec

  def make_clip(
    self, inputs: ClipInputs, *, unfinished: PortraitAndMotion | None = None, progress: Progress = no_progress
  ) -> Clip:
    """The clip of checked inputs: samples or reads portrait and motion, and prepares the renderer.

    Args:
      inputs: from `inputs.from_speech`, `from_video` or `from_motion`.
      unfinished: portrait and motion of an unfinished video of the same `ClipSpec`; None: they are sampled or
        read.
      progress: called with (stage, done, total).

    Raises:
      InputError, CheckpointError: see `__call__`.
    """
    timer = StageTimer({}, progress)
    with self.release.computing():
      # They compile in the background, as the renderer does.
      if unfinished is None and isinstance(inputs, SpeechInputs):
        if isinstance(inputs.portrait, SampledFace):
          self._portrait_sampler(inputs)
        self._motion_sampler.prepare(inputs.speech.num_frames, inputs.sampling, inputs.controls)
      whole = inputs.whole
      if isinstance(whole, tracked_video.VideoFullFrame):
        self._renderer.prepare_video(self.side)
      self._renderer.prepare(self.side)
      if unfinished is not None:
        portrait, motion = unfinished
        encoded = self._renderer.encode_portrait(portrait)
      elif isinstance(inputs, SpeechInputs):
        portrait, encoded, motion = self._sample(inputs, timer)
      else:
        portrait = inputs.portrait
        encoded = self._renderer.encode_portrait(portrait)
        motion = inputs.motion if isinstance(inputs, MotionInputs) else self._follow(inputs, encoded, timer)
      if whole is not None:
        still = self._renderer.bind(encoded, np.asarray(encoded.m_0), inputs.spec.fusion)
        whole = whole.matched(np.asarray(still(0))[0], portrait)
      if isinstance(whole, tracked_video.VideoFullFrame):
        crop = functools.partial(whole.reader.crop, side=self.side)
        render = self._renderer.bind_video(crop, motion, inputs.spec.fusion)
      else:
        render = self._renderer.bind(encoded, motion, inputs.spec.fusion)
    return Clip(
      spec=inputs.spec,
      speech=inputs.speech,
      sound=inputs.sound,
      portrait=portrait,
      motion=motion,
      render=render,
      chunk=renderer.CHUNK,
      ahead=self._renderer.ahead,
      record=self.describe(inputs.spec),
      stage_seconds=timer.seconds,
      progress=progress,
      full_frame=whole,
    )

  def __repr__(self) -> str:
    return f'SeeTalk({self.checkpoint!r}, {self.device}, {len(self.networks.modules)} networks)'

  @property
  def side(self) -> int:
    """Side in pixels of portraits and frames before any resizing."""
    return self.release.side

  def read_portrait(
    self, path: str | os.PathLike, landmarker: str | os.PathLike | None = None, aligned: bool = False
  ) -> np.ndarray:
    """The portrait crop of a picture file in this checkpoint's size; see `media.face.aligned_portrait`."""
    return face_lib.aligned_portrait(path, self.side, landmarker=landmarker, aligned=aligned)

  def record(self, seed: int) -> dict[str, Any]:
    """Version, checkpoint, seed and device of a result, for its metadata and --json."""
    return self.release.record(seed)

  def describe(self, plan: ClipSpec) -> dict[str, Any]:
    """The record of a clip: `record`, with its sampling options, portrait, renderer and job."""
    return {**self.record(plan.seed), **plan.describe()}

  def _sample(
    self, inputs: SpeechInputs, timer: StageTimer
  ) -> tuple[np.ndarray, renderer.EncodedPortrait, np.ndarray]:
    """Portrait, encoded portrait and motion latents of speech; samples the portrait if there is none."""
    seed, portrait = inputs.spec.seed, inputs.portrait
    with timer('speech'):
      tokens = self.speech_to_portrait.tokens(inputs.speech)
    if isinstance(portrait, SampledFace):
      sample = self._portrait_sampler(inputs)
      with timer('portrait'):
        portrait = sample(self.speech_to_portrait.voice(tokens), seed, portrait.number).portrait
    with timer('motion'):
      encoded = self._renderer.encode_portrait(portrait)
      motion = self._motion_sampler.sample(tokens, encoded.m_0, seed, inputs.sampling, inputs.controls)
    motion = motion[: inputs.spec.num_frames]
    if isinstance(inputs.whole, tracked_video.VideoFullFrame):
      with timer('motion', len(motion)) as advance:
        crop = functools.partial(inputs.whole.reader.crop, side=self.side)
        motion = self._motion_sampler.dub(crop, motion, advance)
    return portrait, encoded, motion

  def _follow(
    self, inputs: DrivingInputs, encoded: renderer.EncodedPortrait, timer: StageTimer
  ) -> np.ndarray:
    """Motion latents of a driving video."""
    with timer('motion', inputs.video.num_frames) as advance:
      return self._motion_sampler.read_video(inputs.video, encoded.m_0 if inputs.relative else None, advance)

  def _portrait_sampler(self, inputs: SpeechInputs) -> Callable[[Voice, int, int], SampledPortrait]:
    sampling = inputs.sampling
    return self.speech_to_portrait.prepare(sampling.portrait_steps, sampling.portrait_guidance)


def _find(resume: str | os.PathLike | None, inputs: ClipInputs) -> PortraitAndMotion | None:
  return None if resume is None else unfinished_video.find(resume, inputs.spec)


load = SeeTalk.load
