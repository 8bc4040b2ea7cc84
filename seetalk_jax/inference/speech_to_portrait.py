"""Stage 1 by itself: speech to portraits of speakers who fit the voice.

from seetalk_jax import SpeechToPortrait
stage1 = SpeechToPortrait.load('demo')
faces = stage1('speech.wav', num=4, seed=0)  # uint8 [4, 256, 256, 3]
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
from seetalk_jax.inference.background_compile import BackgroundCompiledFunction
from seetalk_jax.inference.loaded_release import LoadedRelease, key_for
from seetalk_jax.inference.progress import Progress, StageTimer, no_progress
from seetalk_jax.media import audio
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.speech.speech_encoder import encode_long
from seetalk_jax.releases import storage
from seetalk_jax.sampling import portrait as portrait_sampling

# A portrait is made from windows of 3 s, the length that its networks were trained with.
VOICE_TOKENS = 3 * FPS
MAX_VOICE_WINDOWS = 40  # of a long speech so many windows, evenly spread, say enough about the voice
# Where neither the caller nor the release says otherwise.
PORTRAIT_SAMPLING = {
  'portrait_steps': 25,
  'portrait_guidance': 2.0,
  'portrait_autoguidance': 1.0,
  'portrait_temperature': 1.0,
  'portrait_voice_temperature': 1.0,
}

_NEEDED = ('speech_encoder', 'autoencoder', 'portrait_unet')
_DRAWING = ('autoencoder', 'portrait_unet', 'sample_adaptive_weighting')


class Voice(NamedTuple):
  """What a portrait is made from.

  Attributes:
    embedding: the voice vector, `[1, 512]`, of unit length.
    tokens: the most typical window of tokens, `[1, VOICE_TOKENS, d]`.
    valid: bool `[1, VOICE_TOKENS]`; False behind the end of a shorter speech.
  """

  embedding: jax.Array
  tokens: jax.Array
  valid: jax.Array


class Drawn(NamedTuple):
  """One face.

  Attributes:
    portrait: uint8 `[h, w, 3]`.
    previews: uint8 `[previews, h, w, 3]`, or None where none were asked for.
  """

  portrait: np.ndarray
  previews: np.ndarray | None


class SpeechToPortrait:
  """Speech encoder, portrait diffusion and autoencoder of a release; nothing else of it is needed.

  A program is compiled for each choice of sampling options and kept, whatever the length of the speech.
  """

  def __init__(self, loaded: LoadedRelease):
    self._loaded = loaded
    self._programs: dict[_Options, BackgroundCompiledFunction] = {}
    encoder = loaded.networks.modules.get('speech_encoder')
    self._pool = jax.jit(lambda params, *args: encoder.apply({'params': params}, *args, method='pool'))  # pyright: ignore[reportOptionalMemberAccess]

  @classmethod
  def load(
    cls, checkpoint: str | os.PathLike = 'demo', device: str | jax.Device | None = None, cache: bool = True
  ) -> SpeechToPortrait:
    """Reads speech_encoder, autoencoder, portrait_unet and, where there is one, sample_adaptive_weighting.

    Args:
      checkpoint, device, cache: see `SeeTalk.load`; the release need not hold more networks than these.

    Raises:
      CheckpointError: no such checkpoint, a damaged one, or one that lacks a network.
      InputError: no such device.
    """
    _, info = storage.read_info(checkpoint)
    extra = [name for name in _DRAWING if name in info['networks'] and name not in _NEEDED]
    return cls(LoadedRelease.load(checkpoint, device, cache, only=(*_NEEDED, *extra)))

  @property
  def networks(self) -> storage.Networks:
    """Modules, parameters, statistics."""
    return self._loaded.networks

  def __call__(
    self,
    speech: str | os.PathLike | np.ndarray | audio.Speech,
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
      speech: a file, float or integer samples at 16 kHz `[n]`, or a `Speech`.
      num: how many; face i of a seed is the same one whatever `num` is.
      seed: the same seed and options give the same faces, bit for bit, on one kind of device.
      steps: sampling steps, 1 to 1000; None: as the release says.
      guidance_scale: how strongly faces follow the voice; 1 is unguided; None: as the release says.
      sampler: 'ddim', 'dpmpp_2m' or 'heun' (two network calls a step); see `diffusion.samplers.sample`.
      spacing: of the times sampled at, 'trailing' or 'karras'; see `diffusion.schedule.sampling_times`.
      previews: how many estimates of each face to return as well, evenly spaced over the steps, 0 to `steps`.
      progress: called with (stage, done, total); stages are 'speech' and 'portrait'.
      stage_seconds: seconds spent are added here, by stage.

    Returns:
      faces, uint8 `[num, h, w, 3]`; with `previews` a pair (faces, estimates), estimates uint8
      `[num, previews, h, w, 3]`, the last of which are the faces. Faces drawn with previews are those drawn
      without, up to rounding.

    Raises:
      SpeechError: see `load_speech`.
      InputError: an option that there is not, or a number out of range.
      CheckpointError: the release lacks a network, or asks for a way of sampling that its prior cannot do.
    """
    speech = as_speech(speech)
    if num < 1:
      raise InputError(f'{num} portraits, argument num: ask for 1 or more')
    stage = StageTimer({} if stage_seconds is None else stage_seconds, progress)
    with self._loaded.computing():
      draw = self.prepare(steps, guidance_scale, sampler, spacing, previews)
      with stage('speech'):
        tokens = self.tokens(speech)
      voice, drawn = self.voice(tokens), []
      with stage('portrait', num) as advance:
        for face in range(num):
          drawn.append(draw(voice, seed, face))
          advance(face + 1)
    faces = np.stack([each.portrait for each in drawn])
    return (faces, np.stack([each.previews for each in drawn])) if previews else faces

  def prepare(
    self,
    steps: int | None = None,
    guidance_scale: float | None = None,
    sampler: str = 'dpmpp_2m',
    spacing: str = 'trailing',
    previews: int = 0,
  ) -> Callable[[Voice, int, int], Drawn]:
    """Starts compiling in the background; returns at once.

    Returns:
      what draws face number `face` of a voice: `(voice, seed, face) -> Drawn`. One face a call, so that each
      is the same whatever else is asked for.

    Raises:
      InputError, CheckpointError: see `__call__`.
    """
    self._loaded.need(*_NEEDED)
    program = self._program(self._options(steps, guidance_scale, sampler, spacing, previews))

    def draw(voice: Voice, seed: int, face: int) -> Drawn:
      key = key_for(seed, 'portrait', face)
      image, estimates = program(self._drawing_params(), self._loaded.statistics, *voice, key)
      return Drawn(np.asarray(image)[0], None if estimates is None else np.asarray(estimates)[:, 0])

    return draw

  def tokens(self, speech: audio.Speech) -> jax.Array:
    """All of a speech as tokens, `[1, num_frames, d]`."""
    waveform = audio.pad_to_frames(audio.normalise_loudness(speech.waveform))
    encoder = self.networks.modules['speech_encoder']
    tokens, _ = encode_long(encoder, self._loaded.params['speech_encoder'], waveform)
    return tokens

  def voice(self, tokens: jax.Array | np.ndarray) -> Voice:
    """The voice in tokens `[1, t, d]`: the mean vector of windows, and the window that is closest to it."""
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
      vectors.append(np.asarray(self._pool(self._loaded.params['speech_encoder'], window, valid))[0])
    mean = np.mean(vectors, axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-6)
    window, valid = windows[int(np.argmax(np.stack(vectors) @ mean))]
    return Voice(jnp.asarray(mean[None]), jnp.asarray(window), jnp.asarray(valid))

  def _options(self, steps, guidance_scale, sampler, spacing, previews) -> _Options:
    chosen = self._loaded.sampling(PORTRAIT_SAMPLING, portrait_steps=steps, portrait_guidance=guidance_scale)
    options = _Options(
      num_steps=int(chosen['portrait_steps']),
      guidance_scale=float(chosen['portrait_guidance']),
      autoguidance_scale=float(chosen['portrait_autoguidance']),
      temperature=float(chosen['portrait_temperature']),
      voice_temperature=float(chosen['portrait_voice_temperature']),
      sampler=sampler,
      spacing=spacing,
      keep=previews,
    )
    for name, value, known in (('sampler', sampler, SAMPLERS), ('spacing', spacing, SPACINGS)):
      if value not in known:
        raise InputError(f'unknown {name} {value!r}, argument {name}: use one of {", ".join(known)}')
    most = portrait_sampling.SCHEDULE.num_steps
    if not 1 <= options.num_steps <= most:
      raise InputError(f'{options.num_steps} steps, argument steps: give 1 to {most}')
    if not 0 <= previews <= options.num_steps:
      raise InputError(f'{previews} previews, argument previews: give 0 to {options.num_steps}, one a step')
    if options.autoguidance_scale != 1.0 and 'face_prior_directions' not in self._loaded.statistics:
      raise CheckpointError(
        f'portrait_autoguidance {options.autoguidance_scale:g} needs directions in the face prior, which has '
        f'none, {self._loaded.index}: set portrait_autoguidance to 1 there, or export again with '
        '--sampling portrait_autoguidance=1'
      )
    return options

  def _program(self, options: _Options) -> BackgroundCompiledFunction:
    """(params, statistics, *voice, key) to uint8 `[1, h, w, 3]`, and `[keep, 1, h, w, 3]` or None."""
    if options not in self._programs:
      modules = self.networks.modules

      def sample(*args):
        samples = portrait_sampling.sample_portraits(modules, *args, **dataclasses.asdict(options))
        return blocks.to_uint8(samples.image), jax.tree.map(blocks.to_uint8, samples.previews)

      encoder = modules['speech_encoder']
      voice = (
        jax.ShapeDtypeStruct((1, encoder.embedding_dim), jnp.float32),
        jax.ShapeDtypeStruct((1, VOICE_TOKENS, encoder.token_dim), jnp.float32),
        jax.ShapeDtypeStruct((1, VOICE_TOKENS), bool),
      )
      key = jax.eval_shape(lambda: jax.random.key(0))
      program = BackgroundCompiledFunction(sample, self._loaded.device)
      program.start(lambda: (self._drawing_params(), self._loaded.statistics, *voice, key))
      self._programs[options] = program
    return self._programs[options]

  def _drawing_params(self) -> dict[str, Any]:
    return {name: self._loaded.params[name] for name in _DRAWING if name in self._loaded.params}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Options:
  """The keyword arguments of `sample_portraits` that a program is compiled for."""

  num_steps: int
  guidance_scale: float
  autoguidance_scale: float
  temperature: float
  voice_temperature: float
  sampler: str
  spacing: str
  keep: int


def as_speech(speech: str | os.PathLike | np.ndarray | audio.Speech) -> audio.Speech:
  """A `Speech` of a file, of samples at 16 kHz `[n]`, or as it is.

  Raises:
    SpeechError: see `load_speech`.
  """
  if isinstance(speech, audio.Speech):
    return speech
  if isinstance(speech, (str, os.PathLike)):
    return audio.load_speech(speech)
  return audio.speech_from_array(np.asarray(speech))
