"""Portraits sampled from speech (stage 1 of the method), of speakers who fit the voice.

from seetalk_jax import SpeechToPortrait
stage1 = SpeechToPortrait.load('demo')
faces = stage1('speech.wav', num=4, seed=0)  # uint8 [4, 512, 512, 3]
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.diffusion.samplers import SAMPLERS
from seetalk_jax.diffusion.schedule import SPACINGS
from seetalk_jax.errors import CheckpointError, InputError
from seetalk_jax.inference import argument_checks, speech_tokens
from seetalk_jax.inference.background_compile import BackgroundCompiledFunction
from seetalk_jax.inference.loaded_release import LoadedRelease, key_for
from seetalk_jax.inference.progress import Progress, StageTimer, no_progress
from seetalk_jax.media import audio
from seetalk_jax.models.nn import image_ops
from seetalk_jax.releases import storage
from seetalk_jax.sampling import portrait as portrait_sampling

# Portraits are conditioned on windows of 3 s, the length that the networks were trained with.
VOICE_TOKENS = 3 * FPS
MAX_VOICE_WINDOWS = 40  # a voice vector is the mean over at most this many evenly spaced windows

_REQUIRED = ('speech_encoder', 'autoencoder', 'portrait_unet')
_SAMPLED = ('autoencoder', 'portrait_unet', 'sample_adaptive_weighting')


class Voice(NamedTuple):
  """The condition of a portrait.

  Attributes:
    embedding: voice vector, `[1, 512]`, unit norm.
    tokens: the most typical window of tokens, `[1, VOICE_TOKENS, d]`.
    valid: bool `[1, VOICE_TOKENS]`; False after the end of a shorter speech.
  """

  embedding: jax.Array
  tokens: jax.Array
  valid: jax.Array


class SampledPortrait(NamedTuple):
  """One sampled portrait.

  Attributes:
    portrait: uint8 `[h, w, 3]`.
    previews: estimates at earlier steps, uint8 `[previews, h, w, 3]`, or None if none were requested.
  """

  portrait: np.ndarray
  previews: np.ndarray | None


class SpeechToPortrait:
  """Samples portraits from speech; needs only the speech encoder, portrait UNet and autoencoder of a release.

  The sampler is compiled once per choice of sampling options, for speech of any length.
  """

  def __init__(self, release: LoadedRelease):
    self._release = release
    self._samplers: dict[_Options, BackgroundCompiledFunction] = {}
    encoder = release.networks.modules.get('speech_encoder')
    self._pool = jax.jit(lambda params, *args: encoder.apply({'params': params}, *args, method='pool'))  # pyright: ignore[reportOptionalMemberAccess]

  @classmethod
  def load(
    cls, checkpoint: str | os.PathLike = 'demo', device: str | jax.Device | None = None, cache: bool = False
  ) -> SpeechToPortrait:
    """Reads speech_encoder, autoencoder, portrait_unet and, if the release has it, sample_adaptive_weighting.

    Args:
      checkpoint, device, cache: see `SeeTalk.load`; the release needs no other networks.

    Raises:
      CheckpointError: no such checkpoint, a damaged one, or one that lacks a network.
      InputError: no such device.
    """
    _, info = storage.read_info(checkpoint)
    optional = [name for name in _SAMPLED if name in info['networks'] and name not in _REQUIRED]
    return cls(LoadedRelease.load(checkpoint, device, cache, only=(*_REQUIRED, *optional)))

  def __repr__(self) -> str:
    return f'SpeechToPortrait({self._release.checkpoint!r}, {self._release.device})'

  @property
  def networks(self) -> storage.Networks:
    """Modules, parameters, statistics."""
    return self._release.networks

  def __call__(
    self,
    speech: speech_tokens.SpeechLike,
    num: int = 1,
    seed: int = 0,
    *,
    steps: int | None = None,
    guidance_scale: float | None = None,
    sampler: str = 'dpmpp_2m',
    spacing: str = 'trailing',
    previews: int = 0,
    progress: Progress = no_progress,
    stage_seconds: dict[str, float] | None = None,
  ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Samples `num` portraits of a speaker who fits the voice.

    Args:
      speech: a file, float or integer samples at 16 kHz `[n]`, `(samples, rate_hz)`, or a `Speech`.
      num: number of portraits; face i of a seed does not depend on it.
      seed: the same seed and options give the same faces, bit for bit, on one kind of device.
      steps: sampling steps, 1 to 1000; None: the release's default.
      guidance_scale: guidance scale towards the voice; 1 is unguided; None: the release's default.
      sampler: 'ddim', 'dpmpp_2m' or 'heun' (two network calls per step); see `diffusion.samplers.sample`.
      spacing: spacing of the sampling times, 'trailing' or 'karras'; see `diffusion.schedule.sampling_times`.
      previews: number of intermediate estimates to return per face, evenly spaced over the steps, 0 to
        `steps`.
      progress: called with (stage, done, total); stages are 'speech' and 'portrait'.
      stage_seconds: elapsed seconds are added here, by stage.

    Returns:
      Faces, uint8 `[num, h, w, 3]`. With `previews`, a pair (faces, estimates): estimates are uint8
      `[num, previews, h, w, 3]`, and the last estimate is the face. Faces with and without previews are equal
      up to rounding.

    Raises:
      SpeechError: see `load_speech`.
      InputError: an unknown sampler or spacing, or a number out of range.
      CheckpointError: the release lacks a network, or sets an autoguidance that its face prior does not support.
    """
    num = argument_checks.whole('num', num, 1)
    seed = argument_checks.whole('seed', seed, *argument_checks.SEEDS)
    speech = speech_tokens.as_speech(speech)
    timer = StageTimer({} if stage_seconds is None else stage_seconds, progress)
    with self._release.computing():
      sample = self.prepare(steps, guidance_scale, sampler, spacing, previews)
      with timer('speech'):
        tokens = self.tokens(speech)
      voice, samples = self.voice(tokens), []
      with timer('portrait', num) as advance:
        for face in range(num):
          samples.append(sample(voice, seed, face))
          advance(face + 1)
    faces = np.stack([each.portrait for each in samples])
    return (faces, np.stack([each.previews for each in samples])) if previews else faces

  def prepare(
    self,
    steps: int | None = None,
    guidance_scale: float | None = None,
    sampler: str = 'dpmpp_2m',
    spacing: str = 'trailing',
    previews: int = 0,
  ) -> Callable[[Voice, int, int], SampledPortrait]:
    """Starts to compile the sampler in the background, without waiting.

    Returns:
      A function `(voice, seed, face) -> SampledPortrait` that samples the face with index `face` of a voice.
      It samples one face per call, so that a face does not depend on how many are requested.

    Raises:
      InputError, CheckpointError: see `__call__`.
    """
    self._release.need(*_REQUIRED)
    compiled = self._compiled(self._options(steps, guidance_scale, sampler, spacing, previews))

    def sample(voice: Voice, seed: int, face: int) -> SampledPortrait:
      key = key_for(seed, 'portrait', face)
      image, estimates = compiled(self._sampler_params(), self._release.statistics, *voice, key)
      return SampledPortrait(np.asarray(image)[0], None if estimates is None else np.asarray(estimates)[:, 0])

    return sample

  def tokens(self, speech: audio.Speech) -> jax.Array:
    """Speech tokens, one per frame, `[1, num_frames, d]`."""
    return speech_tokens.encode(self._release, speech)

  def voice(self, tokens: jax.Array | np.ndarray) -> Voice:
    """The voice of tokens `[1, t, d]`: the mean vector over windows, and the window nearest to that mean."""
    tokens = np.asarray(tokens[0])
    length = len(tokens)
    count = min(MAX_VOICE_WINDOWS, max(1, length // VOICE_TOKENS))
    starts = np.linspace(0, max(0, length - VOICE_TOKENS), count).astype(int)
    windows, vectors = [], []
    for start in starts:
      window = np.zeros((1, VOICE_TOKENS, tokens.shape[1]), tokens.dtype)
      piece = tokens[start : start + VOICE_TOKENS]
      window[0, : len(piece)] = piece
      valid = np.arange(VOICE_TOKENS)[None] < len(piece)
      windows.append((window, valid))
      vectors.append(np.asarray(self._pool(self._release.params['speech_encoder'], window, valid))[0])
    mean = np.mean(vectors, axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-6)
    window, valid = windows[int(np.argmax(np.stack(vectors) @ mean))]
    return Voice(jnp.asarray(mean[None]), jnp.asarray(window), jnp.asarray(valid))

  def _options(self, steps, guidance_scale, sampler, spacing, previews) -> _Options:
    chosen = self._release.sampling(steps, guidance_scale)
    options = _Options(
      num_steps=int(chosen.portrait_steps),
      guidance_scale=float(chosen.portrait_guidance),
      autoguidance_scale=float(chosen.portrait_autoguidance),
      temperature=float(chosen.portrait_temperature),
      voice_temperature=float(chosen.portrait_voice_temperature),
      asymmetry=float(chosen.portrait_asymmetry),
      sampler=sampler,
      spacing=spacing,
      keep=previews,
    )
    for name, value, allowed in (('sampler', sampler, SAMPLERS), ('spacing', spacing, SPACINGS)):
      if value not in allowed:
        raise InputError(f'unknown {name} {value!r}, argument {name}: use one of {", ".join(allowed)}')
    most = portrait_sampling.SCHEDULE.num_steps
    if not 1 <= options.num_steps <= most:
      raise InputError(f'{options.num_steps} steps, argument steps: give 1 to {most}')
    argument_checks.whole('previews', previews, 0, options.num_steps)
    if options.autoguidance_scale != 1.0 and 'face_prior_directions' not in self._release.statistics:
      raise CheckpointError(
        f'portrait_autoguidance {options.autoguidance_scale:g} needs directions in the face prior, which has '
        f'none, {self._release.index}: set portrait_autoguidance to 1 there, or export again with '
        '--sampling portrait_autoguidance=1'
      )
    return options

  def _compiled(self, options: _Options) -> BackgroundCompiledFunction:
    """Sampler: (params, statistics, *voice, key) -> (uint8 `[1, h, w, 3]`, `[keep, 1, h, w, 3]` or None)."""
    if options not in self._samplers:
      modules = self.networks.modules

      def sample(*args):
        samples = portrait_sampling.sample_portraits(modules, *args, **dataclasses.asdict(options))
        return image_ops.to_uint8(samples.image), jax.tree.map(image_ops.to_uint8, samples.previews)

      encoder = modules['speech_encoder']
      voice = (
        jax.ShapeDtypeStruct((1, encoder.embedding_dim), jnp.float32),
        jax.ShapeDtypeStruct((1, VOICE_TOKENS, encoder.token_dim), jnp.float32),
        jax.ShapeDtypeStruct((1, VOICE_TOKENS), bool),
      )
      key = jax.eval_shape(lambda: jax.random.key(0))
      compiled = BackgroundCompiledFunction(sample, self._release.device)
      compiled.start(lambda: (self._sampler_params(), self._release.statistics, *voice, key))
      self._samplers[options] = compiled
    return self._samplers[options]

  def _sampler_params(self) -> dict[str, Any]:
    return {name: self._release.params[name] for name in _SAMPLED if name in self._release.params}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Options:
  """Keyword arguments of `sample_portraits`; they are static, and each choice is compiled separately."""

  num_steps: int
  guidance_scale: float
  autoguidance_scale: float
  temperature: float
  voice_temperature: float
  asymmetry: float
  sampler: str
  spacing: str
  keep: int
