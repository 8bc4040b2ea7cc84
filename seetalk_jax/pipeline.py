"""SeeTalk: speech to portrait to talking-face video, the whole way through the house."""

from __future__ import annotations

import functools
import os
from typing import Any

import jax
import numpy as np

from seetalk_jax import renderer
from seetalk_jax.clip import Clip, Progress, no_progress
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.loaded import Loaded, Stages, key_of
from seetalk_jax.media import audio
from seetalk_jax.media import face as face_lib
from seetalk_jax.media import image as image_lib
from seetalk_jax.sampling import motion as motion_sampling
from seetalk_jax.speech_to_portrait import PORTRAIT_SAMPLING, SpeechToPortrait, as_speech

# Where neither the caller nor the release says otherwise.
SAMPLING = {**PORTRAIT_SAMPLING, 'motion_steps': 20, 'motion_guidance': 1.0}

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

  def __init__(self, loaded: Loaded):
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
    return cls(Loaded.load(checkpoint, device, cache))

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
      progress: called with (stage, done, total).

    Raises:
      SpeechError, PortraitError: see `load_speech`, `aligned_portrait`.
      InputError: a number out of range.
      CheckpointError: the checkpoint lacks a network, or asks for a way of sampling that its prior cannot do.
    """
    speech = as_speech(speech)
    if size is not None and (size % 2 or size < 16):
      raise InputError(f'size {size}, argument size: give an even number of 16 or more')
    stage1, loaded = self.speech_to_portrait, self._loaded
    loaded.need(*_VIDEO)
    sampling = loaded.sampling(
      SAMPLING,
      portrait_steps=steps,
      portrait_guidance=guidance_scale,
      motion_steps=steps,
      motion_guidance=guidance_scale,
    )
    spent: dict[str, float] = {}
    stage = Stages(spent, progress)
    with loaded.computing():
      if portrait is None:
        draw = stage1.prepare(steps=steps, guidance_scale=guidance_scale)
      codec = self.networks.modules['motion_codec']
      self._renderer.prepare(loaded.params, loaded.collections, self.side, codec.motion_dim)
      with stage('speech'):
        tokens = stage1.tokens(speech)
      if portrait is None:
        with stage('portrait'):
          pixels = draw(stage1.voice(tokens), seed, face).portrait
      else:
        pixels = self._given_portrait(portrait)
      with stage('motion'):
        appearance, m_0 = self._renderer.look(loaded.params, pixels)
        motion = motion_sampling.sample_motion(
          self.networks.modules,
          loaded.params,
          loaded.statistics,
          tokens,
          m_0,
          key_of(seed, 'motion'),
          num_steps=int(sampling['motion_steps']),
          guidance_scale=float(sampling['motion_guidance']),
        )
        if 'lip_refiner' in self.networks.modules:
          motion = motion_sampling.refine_lips(self.networks.modules, loaded.params, motion, tokens)
        motion = np.asarray(motion)[0, : speech.num_frames]
      render = self._renderer.bind(loaded.params, loaded.collections, appearance, m_0, motion, fusion)
    side = self.side if size is None else size
    return Clip(
      speech=speech,
      portrait=pixels,
      motion=motion,
      num_frames=speech.num_frames,
      size=(side, side),
      render=render,
      chunk=renderer.CHUNK,
      record={
        **self.record(seed),
        **sampling,
        'portrait': 'given' if portrait is not None else f'sampled face {face}',
        'renderer': self._renderer.kind,
      },
      stage_seconds=spent,
      progress=progress,
    )

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
    return self.speech_to_portrait(
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

  def _given_portrait(self, portrait: str | os.PathLike | np.ndarray) -> np.ndarray:
    if isinstance(portrait, (str, os.PathLike)):
      return self.read_portrait(portrait)
    pixels = np.asarray(portrait)
    if (
      pixels.dtype != np.uint8
      or pixels.ndim != 3
      or pixels.shape[0] != pixels.shape[1]
      or pixels.shape[2] != 3
    ):
      raise PortraitError(f'portrait of {pixels.dtype} {pixels.shape}, argument: give uint8 [side, side, 3]')
    return image_lib.resize(pixels, (self.side, self.side))


load = SeeTalk.load
