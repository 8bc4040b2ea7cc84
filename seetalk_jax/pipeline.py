"""SeeTalk: speech to portrait to talking-face video, the whole way through the house."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np

import seetalk_jax
from seetalk_jax import described, released, renderer
from seetalk_jax.clip import Clip, Progress, no_progress
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import audio
from seetalk_jax.media import face as face_lib
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.constants import FPS
from seetalk_jax.models import blocks
from seetalk_jax.models.speech_encoder import encode_long
from seetalk_jax.program import Program
from seetalk_jax.sampling import motion as motion_sampling
from seetalk_jax.sampling import portrait as portrait_sampling

VOICE_TOKENS = (
  3 * FPS
)  # a portrait is made from windows of 3 s, the length that its networks were trained with
MAX_VOICE_WINDOWS = 40  # of a long speech so many windows, evenly spread, say enough about the voice
# Where neither the caller nor the release says otherwise.
SAMPLING = {
  'portrait_steps': 25,
  'portrait_guidance': 2.0,
  'portrait_autoguidance': 1.0,
  'portrait_temperature': 1.0,
  'portrait_voice_temperature': 1.0,
  'motion_steps': 20,
  'motion_guidance': 1.0,
}

_SPEECH = ('speech_encoder',)
_PORTRAIT = ('speech_encoder', 'autoencoder', 'portrait_unet')
_VIDEO = ('speech_encoder', 'motion_codec', 'motion_transformer')


class SeeTalk:
  """A loaded checkpoint, ready to turn speech into portraits and clips.

  Programs are compiled on first use and kept; every one has one shape whatever the length of the speech.

  Attributes:
    networks: modules, parameters (on the device), statistics.
    checkpoint: the name it was loaded by.
    device: where it computes.
  """

  def __init__(self, networks: released.Networks, checkpoint: str, device: jax.Device):
    self.networks = networks
    self.checkpoint = checkpoint
    self.device = device
    self._params = jax.device_put(networks.params, device)
    self._collections = jax.device_put(networks.collections, device)
    self._statistics = jax.device_put(networks.statistics, device)
    index = (networks.directory / released.INDEX_FILE).read_bytes()
    self._checkpoint_id = hashlib.sha256(index).hexdigest()[:12]
    self._portrait_programs: dict[tuple[float, ...], Program] = {}
    encoder = networks.modules.get('speech_encoder')
    self._pool = jax.jit(lambda params, *args: encoder.apply({'params': params}, *args, method='pool'))
    self._renderer = renderer.Renderer(networks.modules, device)

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
    networks = released.load_networks(checkpoint)
    if cache:
      use_compilation_cache()
    return cls(networks, str(checkpoint), find_device(device))

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
      CheckpointError: the checkpoint lacks a network that is needed.
    """
    speech = _as_speech(speech)
    if size is not None and (size % 2 or size < 16):
      raise InputError(f'size {size}, argument size: give an even number of 16 or more')
    self._need(*_VIDEO, *(() if portrait is not None else _PORTRAIT))
    sampling = self._sampling(steps, guidance_scale)
    spent: dict[str, float] = {}
    stage = _Stages(spent, progress)
    with jax.default_device(self.device), self._explaining():
      if portrait is None:
        self._portrait_program(sampling)
      codec = self.networks.modules['motion_codec']
      self._renderer.prepare(self._params, self._collections, self.side, codec.motion_dim)
      with stage('speech'):
        tokens = self._tokens(speech)
      if portrait is None:
        with stage('portrait'):
          pixels = self._sample_portrait(self._voice(tokens), seed, face, sampling)
      else:
        pixels = self._given_portrait(portrait)
      with stage('motion'):
        appearance, m_0 = self._renderer.look(self._params, pixels)
        motion = motion_sampling.sample_motion(
          self.networks.modules,
          self._params,
          self._statistics,
          tokens,
          m_0,
          _key(seed, 'motion'),
          num_steps=int(sampling['motion_steps']),
          guidance_scale=float(sampling['motion_guidance']),
        )
        if 'lip_refiner' in self.networks.modules:
          motion = motion_sampling.refine_lips(self.networks.modules, self._params, motion, tokens)
        motion = np.asarray(motion)[0, : speech.num_frames]
      render = self._renderer.bind(self._params, self._collections, appearance, m_0, motion, fusion)
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
    """Samples `num` portraits of a speaker who fits the voice.

    Returns:
      uint8 `[num, h, w, 3]`; number i is the one that `pipe(speech, face=i)` animates.
    """
    speech = _as_speech(speech)
    self._need(*_PORTRAIT)
    sampling = self._sampling(steps, guidance_scale)
    spent = {} if stage_seconds is None else stage_seconds
    stage = _Stages(spent, progress)
    with jax.default_device(self.device), self._explaining():
      self._portrait_program(sampling)
      with stage('speech'):
        tokens = self._tokens(speech)
      voice, portraits = self._voice(tokens), []
      with stage('portrait', num) as advance:
        for index in range(num):
          portraits.append(self._sample_portrait(voice, seed, index, sampling))
          advance(index + 1)
    return np.stack(portraits)

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
    return {
      'version': seetalk_jax.__version__,
      'checkpoint': self.checkpoint,
      'checkpoint_id': self._checkpoint_id,
      'seed': seed,
      'device': self.device.platform,
      'crop_version': face_lib.PORTRAIT_CROP.version,
    }

  def _sampling(self, steps: int | None, guidance_scale: float | None) -> dict[str, float]:
    chosen = {**SAMPLING, **self.networks.info.get('sampling', {})}
    if steps is not None:
      chosen |= {'portrait_steps': steps, 'motion_steps': steps}
    if guidance_scale is not None:
      chosen |= {'portrait_guidance': guidance_scale, 'motion_guidance': guidance_scale}
    return chosen

  @contextlib.contextmanager
  def _explaining(self) -> Iterator[None]:
    """Says which weights do not fit where Flax finds a parameter that it did not expect."""
    try:
      yield
    except (flax.errors.ScopeParamNotFoundError, flax.errors.ScopeParamShapeError):
      modules, index = self.networks.modules, str(self.networks.directory / released.INDEX_FILE)
      for name, module in modules.items():
        variables = {**self.networks.params[name], **self.networks.collections.get(name, {})}
        described.check_shapes(name, module, described.flatten(variables), index, modules)
      raise

  def _need(self, *names: str) -> None:
    for name in names:
      self.networks.variables(name)

  def _tokens(self, speech: audio.Speech) -> jax.Array:
    """`[1, num_frames, d]`."""
    waveform = audio.pad_to_frames(audio.normalise_loudness(speech.waveform))
    encoder = self.networks.modules['speech_encoder']
    tokens, _ = encode_long(encoder, self._params['speech_encoder'], waveform)
    return tokens

  def _sample_portrait(self, voice, seed: int, face: int, sampling) -> np.ndarray:
    """uint8 `[side, side, 3]`. One face a call: the same face whatever else is asked for."""
    program = self._portrait_program(sampling)
    key = _key(seed, 'portrait', face)
    image = program(self._portrait_params(), self._statistics, *voice, key)
    return np.asarray(image)[0]

  def _portrait_params(self) -> dict[str, Any]:
    names = ('autoencoder', 'portrait_unet', 'sample_adaptive_weighting')
    return {name: self._params[name] for name in names if name in self._params}

  def _portrait_program(self, sampling: dict[str, float]) -> Program:
    """(params, statistics, voice vector, tokens, validity, key) to uint8 `[1, side, side, 3]`."""
    options = {
      'num_steps': int(sampling['portrait_steps']),
      'guidance_scale': float(sampling['portrait_guidance']),
      'autoguidance_scale': float(sampling['portrait_autoguidance']),
      'temperature': float(sampling['portrait_temperature']),
      'voice_temperature': float(sampling['portrait_voice_temperature']),
    }
    key = tuple(options.values())
    if key not in self._portrait_programs:

      def sample(*args):
        samples = portrait_sampling.sample_portraits(self.networks.modules, *args, **options)
        return blocks.to_uint8(samples.image)

      encoder = self.networks.modules['speech_encoder']
      condition = (
        jax.ShapeDtypeStruct((1, encoder.embedding_dim), jnp.float32),
        jax.ShapeDtypeStruct((1, VOICE_TOKENS, encoder.token_dim), jnp.float32),
        jax.ShapeDtypeStruct((1, VOICE_TOKENS), bool),
        jax.eval_shape(lambda: jax.random.key(0)),
      )
      program = Program(sample, self.device)
      program.start(lambda: (self._portrait_params(), self._statistics, *condition))
      self._portrait_programs[key] = program
    return self._portrait_programs[key]

  def _voice(self, tokens: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Voice vector `[1, 512]`, and the most typical window of tokens `[1, 75, d]` with its validity."""
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
      vectors.append(np.asarray(self._pool(self._params['speech_encoder'], window, valid))[0])
    mean = np.mean(vectors, axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-6)
    window, valid = windows[int(np.argmax(np.stack(vectors) @ mean))]
    return jnp.asarray(mean[None]), jnp.asarray(window), jnp.asarray(valid)

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


def find_device(device: str | jax.Device | None) -> jax.Device:
  """The first device of a kind.

  Raises:
    InputError: there is none.
  """
  if device is not None and not isinstance(device, str):
    return device
  try:
    return jax.devices(device)[0]
  except RuntimeError:
    kinds = ', '.join(sorted({found.platform for found in jax.devices()}))
    raise InputError(f'no {device} here, device: use one of {kinds}, or install JAX for it') from None


def use_compilation_cache(folder: str | os.PathLike | None = None) -> None:
  """Keeps compiled programs between processes; a folder that JAX was given before (environment too) stays."""
  if jax.config.jax_compilation_cache_dir:
    return
  if folder is None:
    folder = (
      pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'seetalk-jax' / 'xla'
    )
  try:
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
  except OSError:
    return  # a read-only home: compile anew each time
  jax.config.update('jax_compilation_cache_dir', str(folder))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)  # dozens of small ones add up
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


class _Stages:
  """Times stages and tells of their progress."""

  def __init__(self, spent: dict[str, float], progress: Progress):
    self._spent, self._progress = spent, progress

  @contextlib.contextmanager
  def __call__(self, name: str, total: int = 1) -> Iterator[Any]:
    began = time.perf_counter()
    self._progress(name, 0, total)
    yield lambda done: self._progress(name, done, total)
    self._progress(name, total, total)
    self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - began


def _key(seed: int, *path: str | int) -> jax.Array:
  """A key that depends on the seed and on what it is for, not on what was drawn before."""
  key = jax.random.key(seed)
  for part in path:
    number = (
      part if isinstance(part, int) else int.from_bytes(hashlib.sha256(part.encode()).digest()[:4], 'big')
    )
    key = jax.random.fold_in(key, number)
  return key


def _as_speech(speech: str | os.PathLike | np.ndarray | audio.Speech) -> audio.Speech:
  if isinstance(speech, audio.Speech):
    return speech
  if isinstance(speech, (str, os.PathLike)):
    return audio.load_speech(speech)
  return audio.speech_from_array(np.asarray(speech))
