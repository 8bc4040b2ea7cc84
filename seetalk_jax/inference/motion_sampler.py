"""Motion sampler: motion latents sampled from speech, or encoded from the frames of a driving video."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import LIPS, MOTION_DIM, MOTION_FIELDS
from seetalk_jax.errors import CheckpointError
from seetalk_jax.inference import batching
from seetalk_jax.inference import controls as controls_lib
from seetalk_jax.inference.background_compile import BackgroundCompiledFunction
from seetalk_jax.inference.controls import ResolvedControls
from seetalk_jax.inference.loaded_release import LoadedRelease, key_for
from seetalk_jax.inference.sampling_options import SamplingOptions
from seetalk_jax.media import driving
from seetalk_jax.models.motion.motion_controls import style_code
from seetalk_jax.models.nn import image_ops
from seetalk_jax.releases import codec_truth
from seetalk_jax.sampling import motion as motion_sampling

# Networks that motion of speech needs; a lip refiner is used if there is one.
SPEECH_NETWORKS = ('speech_encoder', 'motion_codec', 'motion_transformer')
BLENDED_FRAMES = 4  # of live motion, from what a chunk expected to what the next one samples
READ_BATCH = 16  # frames of a driving video that are encoded in one call
CONVERTED_ROWS = 250  # frames whose motion vectors are read or encoded in one call: 10 s


class MotionSampler:
  """Motion transformer, lip refiner and motion encoder of a release, with their compiled functions.

  A network that the release lacks raises an error only when it is used.
  """

  def __init__(self, release: LoadedRelease):
    self._release = release
    modules = release.networks.modules
    self._samplers = _Samplers(release.device)
    self._refine = motion_sampling.jit_refiner(modules['lip_refiner']) if 'lip_refiner' in modules else None
    self._read = BackgroundCompiledFunction(functools.partial(_read, modules), release.device)
    self._converter = functools.cache(functools.partial(_converter, modules))

  @property
  def motion_dim(self) -> int:
    """Width of a motion latent."""
    return self._release.networks.modules['motion_codec'].motion_dim

  def sample(
    self, tokens: jax.Array, m_0: jax.Array, seed: int, options: SamplingOptions, controls: ResolvedControls
  ) -> np.ndarray:
    """Samples motion for speech, and refines the lips if the release has a lip refiner.

    Args:
      tokens: speech tokens, `[1, n, token_dim]`.
      m_0: motion latent of the portrait, `[1, motion_dim]`.
      seed: the same seed gives the same motion.
      options: sampling options.
      controls: controls of the motion.

    Returns:
      Motion latents, float32 `[n, motion_dim]`.
    """
    motion = self._sampled(self._samplers, options, controls, tokens, m_0, key_for(seed, 'motion'))
    return np.asarray(self._refined(motion, tokens, options))[0]

  def sample_next(
    self,
    tokens: np.ndarray,
    past: np.ndarray,
    m_0: jax.Array,
    seed: int,
    options: SamplingOptions,
    controls: ResolvedControls,
    *,
    chunk: int,
    lookahead: int,
    first_frame: int,
    num_given: int,
    expected: np.ndarray | None = None,
  ) -> motion_sampling.NextMotion:
    """Samples the next frames of live speech, and refines their lips if the release has a lip refiner.

    Args:
      tokens: speech tokens of the past, the next frames and the look-ahead, `[1, n, token_dim]`.
      past: motion of the first k frames as it was sampled, `NextMotion.track` of earlier calls, `[1, k, motion_dim]`.
      m_0, seed, options, controls: see `sample`.
      chunk: at least the number of next frames; one in all calls, so that one program refines all lips.
      lookahead, first_frame: see `sampling.motion.sample_next`.
      num_given: the last frames of the past that the motion transformer reads; the lip refiner reads them all.
      expected: frames of the last look-ahead as the last call sampled them, `[1, m, motion_dim]`. The first new frames
        begin with them and go over into those that are sampled now. None: there is no last call.

    Returns:
      `motion` with refined lips, `track` as it was sampled.
    """
    unread = max(0, past.shape[1] - num_given)
    found = motion_sampling.sample_next(
      self._release.networks.modules,
      self._release.params,
      self._release.statistics,
      tokens[:, unread:],
      past[:, unread:],
      m_0,
      key_for(seed, 'motion'),
      num_steps=int(options.motion_steps),
      lookahead=lookahead,
      first_frame=first_frame + unread,
      guidance_scale=float(options.motion_guidance),
      controls=controls.of_frames(slice(unread, None)).values,
      control_scales=controls.scales,
      make_sampler=self._samplers,
      window=num_given + chunk + lookahead,
    )
    found = found._replace(track=np.concatenate([past[:, :unread], found.track], axis=1))
    k, count = past.shape[1], found.motion.shape[1]
    if expected is not None:
      found = _blended(found, expected, k, count)
    if self._refine is None:
      return found
    reach = motion_sampling.refiner_reach(self._release.networks.modules['lip_refiner'])
    near = slice(max(0, k - reach), k + count + reach)
    refined = self._refined(found.track[:, near], tokens[:, near], options, chunk + 2 * reach)
    return motion_sampling.NextMotion(refined[:, k - near.start :][:, :count], found.track)

  def _refined(
    self, motion: Any, tokens: Any, options: SamplingOptions, chunk: int = motion_sampling.REFINED_FRAMES
  ) -> Any:
    """Motion latents `[1, n, motion_dim]` with refined and scaled lips; as they are without a lip refiner."""
    if self._refine is None:
      return motion
    modules, params = self._release.networks.modules, self._release.params
    motion = motion_sampling.refine_lips(modules, params, motion, tokens, run=self._refine, chunk=chunk)
    if options.lip_scale != 1:
      subspace = np.asarray(params['lip_refiner']['subspace'])
      motion = motion_sampling.scale_lips(motion, subspace, self._neutral, options.lip_scale)
    return motion

  @functools.cached_property
  def _neutral(self) -> np.ndarray:
    """Motion latent of the neutral face, `[1, motion_dim]`."""
    return self._encode(np.zeros((1, MOTION_DIM), np.float32))

  def prepare(self, num_frames: int, options: SamplingOptions, controls: ResolvedControls) -> None:
    """Starts to compile the sampler for speech of `num_frames` frames in the background, without waiting."""
    token_dim = self._release.networks.modules['speech_encoder'].token_dim
    float32 = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    jax.eval_shape(
      functools.partial(self._sampled, self._samplers.starting, options, controls),
      float32((1, num_frames, token_dim)),
      float32((1, self.motion_dim)),
      jax.eval_shape(lambda: jax.random.key(0)),
    )

  def _sampled(self, make_sampler, options: SamplingOptions, controls: ResolvedControls, tokens, m_0, key):
    """Motion latents `[1, n, motion_dim]` before the lips are refined; see `sample`."""
    return motion_sampling.sample_motion(
      self._release.networks.modules,
      self._release.params,
      self._release.statistics,
      tokens,
      m_0,
      key,
      num_steps=int(options.motion_steps),
      guidance_scale=float(options.motion_guidance),
      controls=controls.values,
      control_scales=controls.scales,
      make_sampler=make_sampler,
    )

  def read(self, frames: np.ndarray, params: Mapping[str, Any] | None = None) -> np.ndarray:
    """Motion latents `[t, motion_dim]` of frames, uint8 `[t, h, w, 3]`; the same h and w in all calls.

    Args:
      params: network -> parameters with the shapes of the release's, to use instead of them.
    """
    params = {'motion_codec': (self._release.params if params is None else params)['motion_codec']}
    self._read.start(lambda: (params, jax.ShapeDtypeStruct((READ_BATCH, *frames.shape[1:]), jnp.uint8)))
    return batching.in_fixed_batches(functools.partial(self._read, params), frames, size=READ_BATCH)

  def controls_of(self, motion: np.ndarray) -> dict[str, np.ndarray]:
    """Controls of motion latents; see `SeeTalk.controls_of`."""
    values = self._convert('read_truth', motion)
    return {name: np.array(values[:, i]) for i, name in enumerate(MOTION_FIELDS)}

  def motion_of(self, controls: Mapping[str, Any]) -> np.ndarray:
    """Motion latents of controls; see `SeeTalk.motion_of`."""
    return self._encode(controls_lib.track_of(controls))

  def dub(
    self,
    crop: Callable[[int], np.ndarray],
    speaking: np.ndarray,
    advance: Callable[[int], None] = lambda done: None,
  ) -> np.ndarray:
    """Motion latents of a video's frames with the lips of other latents; see `with_lips`.

    Args:
      crop: index of a frame -> its portrait crop, uint8 `[side, side, 3]`; called in order of the index.
      speaking: latents that the lips are taken from, `[n, motion_dim]`.
      advance: called with the number of frames read so far.
    """
    own = []
    for start in range(0, len(speaking), READ_BATCH):
      rows = range(start, min(start + READ_BATCH, len(speaking)))
      own.append(self.read(np.stack([crop(i) for i in rows])))
      advance(rows.stop)
    return self.with_lips(np.concatenate(own), speaking)

  def with_lips(self, motion: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    """Motion latents with the jaw, mouth and tongue of other ones, float32 `[n, motion_dim]`.

    The fields are exchanged in what the codec reads of both, and the difference is added to `motion`: where both have
    the same lips, `motion` stays as it is.

    Args:
      motion: latents of a video, `[n, motion_dim]`.
      speaking: latents that the lips are taken from, `[n, motion_dim]`.
    """
    own, spoken = (self._convert('read_truth', latents) for latents in (motion, speaking))
    exchanged, lips = own.copy(), np.array(LIPS)
    exchanged[:, lips] = spoken[:, lips]
    return np.asarray(motion + (self._encode(exchanged) - self._encode(own)), np.float32)

  def _encode(self, track: np.ndarray) -> np.ndarray:
    """Motion latents, float32 `[n, motion_dim]`, of motion vectors `[n, 58]`."""
    return self._convert('encode_truth', track)

  def need_motion_vectors(self) -> None:
    """Checks that the codec can read and encode motion vectors, as controls and dubbing need.

    Raises:
      CheckpointError: the release has no motion codec, or one that was trained without motion vectors.
    """
    self._release.need('motion_codec')
    if not self.has_motion_vectors:
      raise CheckpointError(
        f'the motion codec was trained without motion vectors, {self._release.networks.directory}: controls, '
        'blendshapes, motion files, and speech for a video need one that was trained with options.with_truth or '
        'with_estimates'
      )

  @property
  def has_motion_vectors(self) -> bool:
    """Whether the codec of the release was trained with motion vectors."""
    networks = self._release.networks
    return codec_truth.is_known(networks.statistics, networks.info.get('provenance', {}).get('stages', {}))

  def _convert(self, method: str, values: np.ndarray) -> np.ndarray:
    """What a method of the codec gives for rows of any number, from one compiled program."""
    self.need_motion_vectors()
    run = functools.partial(self._converter(method), self._release.params['motion_codec'])
    with self._release.computing():
      return batching.in_fixed_batches(run, np.asarray(values, np.float32), size=CONVERTED_ROWS)

  def read_video(
    self,
    video: driving.DrivingVideo | driving.DrivingTrack,
    start: jax.Array | None = None,
    advance: Callable[[int], None] = lambda done: None,
  ) -> np.ndarray:
    """Motion latents of a driving video or track, float32 `[num_frames, motion_dim]`; frames are read in batches.

    Args:
      video: the driving video, or the track of a motion file.
      start: `[1, motion_dim]`; the motion is shifted so that it starts there. None: no shift.
      advance: called with the number of frames read so far.
    """
    if isinstance(video, driving.DrivingTrack):
      motion = self._encode(video.motion)
      advance(video.num_frames)
    else:
      motion, done = np.empty((video.num_frames, self.motion_dim), np.float32), 0
      for frames in video.crops(self._release.side, READ_BATCH):
        motion[done : done + len(frames)] = self.read(frames)
        done += len(frames)
        advance(done)
    return motion if start is None else np.asarray(start) + (motion - motion[:1])

  def style_code(self, video: str | os.PathLike | driving.DrivingVideo | driving.DrivingTrack) -> np.ndarray:
    """Style code of a person's motion in a video, `[1, 3 motion_dim]`.

    Raises:
      PortraitError, InputError: see `media.driving.open_driving`.
    """
    if isinstance(video, (str, os.PathLike)):
      video = driving.open_driving(video)
    with self._release.computing():
      motion = self.read_video(video)
    statistics = self._release.networks.statistics
    mean, std = (np.asarray(statistics[name]) for name in ('motion_mean', 'motion_std'))
    return np.asarray(style_code(((motion - mean) / std)[None]))


class _Samplers:
  """Compiled samplers of `motion_sampling.jit_sampler`, by its arguments and the length of the track."""

  def __init__(self, device: jax.Device):
    self._device = device
    self._compiled: dict[tuple[Any, ...], BackgroundCompiledFunction] = {}

  def __call__(self, *how: Any) -> Callable[..., jax.Array]:
    """The sampler of arguments of `jit_sampler`."""
    return lambda *args: self._of(how, args)(*args)

  def starting(self, *how: Any) -> Callable[..., jax.Array]:
    """A stand-in for the sampler, which starts to compile it for the shapes of its arguments."""

    def run(*args):
      specs = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args)
      self._of(how, args).start(lambda: specs)
      return jnp.zeros_like(args[3])  # a track has the shape of its noise

    return run

  def _of(self, how: tuple[Any, ...], args: tuple[Any, ...]) -> BackgroundCompiledFunction:
    key = (how, args[3].shape, jax.tree.structure(args))  # with or without given frames
    if key not in self._compiled:
      self._compiled[key] = BackgroundCompiledFunction(motion_sampling.jit_sampler(*how), self._device)
    return self._compiled[key]


def _blended(
  found: motion_sampling.NextMotion, expected: np.ndarray, first: int, count: int
) -> motion_sampling.NextMotion:
  """Next motion whose first frames go over from the expected ones; `first` is that of the next frames in the track."""
  blended = min(BLENDED_FRAMES, expected.shape[1], count)
  weight = 1 - np.arange(1, blended + 1, dtype=np.float32)[:, None] / (blended + 1)
  track = found.track.copy()
  place = slice(first, first + blended)
  track[:, place] = weight * expected[:, :blended] + (1 - weight) * track[:, place]
  return motion_sampling.NextMotion(track[:, first : first + count], track)


def _read(modules, params, pixels):
  codec, variables = modules['motion_codec'], {'params': params['motion_codec']}
  return codec.apply(variables, image_ops.to_float(pixels), method='motion')


def _converter(modules: Mapping[str, Any], method: str) -> Callable[..., jax.Array]:
  codec = modules['motion_codec']
  return jax.jit(lambda params, values: codec.apply({'params': params}, values, method=method))
