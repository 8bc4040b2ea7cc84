"""Motion diffusion stage (M_diff): motion latents from speech and the motion latent of the portrait."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import (
  BLINK,
  CLIP_SIZE,
  COEFFICIENTS,
  EMOTIONS,
  FROWNS,
  LIPS,
  MOTION_DIM,
  POSE,
  SMILES,
  WINDOW_FRAMES,
)
from seetalk_jax.data import views
from seetalk_jax.diffusion import objective, process
from seetalk_jax.diffusion.loss import diffusion_loss
from seetalk_jax.diffusion.times import stratified_times
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.motion.motion_controls import style_code
from seetalk_jax.models.nn import image_ops
from seetalk_jax.sampling.motion import SCHEDULE, trained_window
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base, figures, losses, truth_known

# Clips have no label of an emotion: it follows from the mean smile over the clip.
_SMILES, _FROWNS = 0.25, -0.02
_PREPARE_BATCHES = 64
# Signal of a blink relative to one latent value: its squared length in standardized latents, summed over its
# frames, is some hundreds.
_BLINK_SIGNAL = 100.0
# Control -> its fields of a motion vector.
_FIELDS_OF = {'pose': POSE, 'blink': BLINK, 'emotion': np.r_[SMILES, FROWNS]}


@dataclasses.dataclass(frozen=True)
class MotionStage(base.Stage):
  """Diffusion (x0-prediction, zero terminal SNR) of all standardized motion latents of a window together.

  No condition is taken from the window itself. m_0 is that of a frame at rest (`truth`), or of another moment of the
  clip (`frames`); the style is that of another window of the clip, and is dropped where the clip has none.

  Attributes:
    motion_source: 'truth' encodes the motion of the records with `encode_truth` and needs no frames; a track counts by
      the mean weight of its fields, less where it is estimated. 'frames' encodes the frames of view `clip` with
      `motion`; the controls pose, blink and emotion are those of the records' motion, estimated in real
      recordings, and are dropped where it is absent.
    num_frames: frames of a window. It is the statistic `motion_window` of the network: sampling uses the same.
    frame_size: height and width of the frames in pixels, for motion_source 'frames'.
    drop_rate: probability that the speech of a track is dropped, for guidance.
    velocity_weight: multiplies the squared error of frame-to-frame differences of the estimated clean track.
    lips_weight: multiplies the squared error of lips and blinks that `read_truth` gives for the estimated
      clean track; motion_source 'truth' only.
    draws: diffusion times and noises per track, because encoding costs more than one call of the transformer.
    portrait_noise: standard deviation of the noise on the standardized m_0, because the latent of a portrait
      has an error at inference.
    min_snr_gamma: see `objective.loss_weight`; 0 gives all times the same weight.
    control_drop_rate: probability that a control of the transformer is dropped, independently for each
      control.
    control_noise: standard deviation of the noise on pose and blink tracks, in the units of the tracks,
      because tracks of users are measured with an error.
  """

  preview_rows = ('motion latents, time to the right', 'estimated from noise in one step')
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  name: str = 'motion'
  view: str = 'speech_motion'
  motion_source: str = 'truth'
  num_frames: int = WINDOW_FRAMES
  frame_size: int = CLIP_SIZE
  drop_rate: float = 0.1
  velocity_weight: float = 1.0
  lips_weight: float = 0.3
  draws: int = 2
  portrait_noise: float = 0.1
  min_snr_gamma: float = 5.0
  control_drop_rate: float = 0.5
  control_noise: float = 0.02

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    if self.motion_source == 'truth':
      names = ['speech', 'motion', 'motion_weight']
    else:
      names = [
        'speech',
        'frames',
        'portrait',
        *(('motion', 'motion_weight') if self._needs_estimates else ()),
      ]
    if self._has_style:
      names += ['style_length', self._style_key]
    spec = views.batch_spec(self.view, batch_size, only=names, **self.data_options())
    size = self.frame_size  # the view has one size, which is an option here
    return {
      name: jax.ShapeDtypeStruct((*x.shape[:-3], size, size, 3), x.dtype) if x.dtype == jnp.uint8 else x
      for name, x in spec.items()
    }

  def data_options(self) -> dict[str, Any]:
    """The length of windows, and the conditions of other moments of a clip."""
    portrait = ('portrait',) if self.motion_source == 'frames' else ()
    style = ('style',) if self._has_style else ()
    return {**super().data_options(), 'num_frames': self.num_frames, 'conditions': (*portrait, *style)}

  @property
  def _has_style(self) -> bool:
    return 'style' in self.networks['motion_transformer'].controls

  @property
  def _style_key(self) -> str:
    return 'style_motion' if self.motion_source == 'truth' else 'style_frames'

  def check_frozen(self, frozen: base.Frozen) -> None:
    """Motion vectors are encoded by a truth encoder that was trained."""
    if self.motion_source == 'truth':
      truth_known.check(frozen, self.name, ", or set options.motion_source='frames'")

  @property
  def _needs_estimates(self) -> bool:
    """Whether controls come from the motion of frames, which may be estimated or absent."""
    controls = self.networks['motion_transformer'].controls
    return self.motion_source == 'frames' and bool(set(controls) & set(_FIELDS_OF))

  @property
  def statistics_entries(self) -> tuple[str, ...]:
    return ('motion',) if self.motion_source == 'truth' else ('frames',)

  def prepare(self, frozen: base.Frozen, batches) -> dict[str, dict[str, np.ndarray]]:
    """`motion_mean`, `motion_std` `[motion_dim]` of the latents of the corpus, and `motion_window`."""

    @jax.jit
    def moments(frozen, batch):
      m = motion_latents(self, frozen, batch)
      return jnp.mean(m, axis=(0, 1)), jnp.mean(jnp.square(m), axis=(0, 1))

    (key,) = self.statistics_entries
    sums = [moments(frozen, {key: batch[key]}) for batch in base.first_batches(batches, _PREPARE_BATCHES)]
    sums = device_mesh.to_host(sums)
    mean, square = (np.mean([np.asarray(pair[i], np.float64) for pair in sums], axis=0) for i in (0, 1))
    std = np.sqrt(np.maximum(square - mean**2, 0))
    # A floor keeps channels that hardly change from being scaled up to pure noise.
    std = np.maximum(std, 0.05 * np.sqrt(np.mean(std**2)) + 1e-6)
    statistics = {
      'motion_mean': mean.astype(np.float32),
      'motion_std': std.astype(np.float32),
      'motion_window': np.float32(self.num_frames),
    }
    return {'motion_transformer': statistics}

  def check_statistics(self, statistics: base.Statistics) -> None:
    """Checks that a resumed run keeps its windows."""
    window = trained_window(statistics.get('motion_transformer', {}))
    if window != self.num_frames:
      raise ConfigError(
        f'config.options.num_frames={self.num_frames}, but the weights of this run are sampled in windows of {window} '
        f'frames: use {window}, or start another run from them with --config.init.motion_transformer=WORKDIR'
      )

  def statistics_spec(self) -> dict[str, dict[str, jax.ShapeDtypeStruct]]:
    width = self.frozen['motion_codec'].motion_dim
    return {
      'motion_transformer': {
        'motion_mean': base.float_spec(width),
        'motion_std': base.float_spec(width),
        'motion_window': base.float_spec(),
      }
    }

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    d, e = self.frozen['motion_codec'].motion_dim, self.frozen['speech_encoder'].token_dim
    inputs = (jnp.zeros((1, 8, d)), jnp.zeros((1,)), jnp.zeros((1, 8, e)), jnp.zeros((1, d)))
    drop = jnp.zeros((1,), bool)
    params = self.networks['motion_transformer'].init(rng, *inputs, drop=drop)['params']
    return {'motion_transformer': params}, {}

  def features(self, frozen: base.Frozen, batch: base.Batch) -> base.Batch:
    """`latents` and `tokens` of a batch, latents of its conditions, and its motion where it has any."""
    tokens, _ = self.frozen['speech_encoder'].apply(
      frozen.variables('speech_encoder'), batch['speech'], method='encode_tokens'
    )
    extra = {name: batch[name] for name in ('motion', 'motion_weight', 'style_length') if name in batch}
    if 'portrait' in batch:
      extra['portrait_latent'] = motion_latents(self, frozen, {'frames': batch['portrait'][:, None]})[:, 0]
    if self._style_key in batch:
      key = 'motion' if self.motion_source == 'truth' else 'frames'
      extra['style_latents'] = motion_latents(self, frozen, {key: batch[self._style_key]})
    return {'latents': motion_latents(self, frozen, batch), 'tokens': tokens, **extra}

  def loss(self, params, frozen, collections, batch, rng, step):
    del step
    codec, variables = self.frozen['motion_codec'], frozen.variables('motion_codec')
    statistics = frozen.statistics['motion_transformer']
    mean, std = statistics['motion_mean'], statistics['motion_std']
    time_rng, noise_rng, drop_rng, portrait_rng, jitter_rng = jax.random.split(rng, 5)
    batch = batch if 'latents' in batch else self.features(frozen, batch)
    m, tokens = batch['latents'], batch['tokens']
    b = m.shape[0]
    if self.motion_source == 'truth':
      # A portrait faces the camera with a closed mouth, with small deviations.
      truth_0 = 0.1 * codec.motion_scales * jax.random.normal(portrait_rng, (b, MOTION_DIM))
      truth_0 = truth_0.at[:, COEFFICIENTS].set(jnp.abs(truth_0[:, COEFFICIENTS]))
      m_0 = codec.apply(variables, truth_0, method='encode_truth')
    else:
      m_0 = batch['portrait_latent']
    x0, m_0, tokens = jax.lax.stop_gradient(((m - mean) / std, (m_0 - mean) / std, tokens))
    m_0 = m_0 + self.portrait_noise * jax.random.normal(jitter_rng, m_0.shape)

    x0, m_0, tokens = (jnp.repeat(a, self.draws, axis=0) for a in (x0, m_0, tokens))
    n = x0.shape[0]
    t = stratified_times(time_rng, n, SCHEDULE)
    noise = jax.random.normal(noise_rng, x0.shape)
    xt = process.add_noise(SCHEDULE, x0, noise, t)
    drop = jax.random.uniform(drop_rng, (n,)) < self.drop_rate
    style = None
    if 'style_latents' in batch:
      known = jnp.arange(m.shape[1]) < batch['style_length'][:, None]
      style = style_code((batch['style_latents'] - mean) / std, known)
    controls, drop_controls = self._controls(batch, style, jax.random.fold_in(drop_rng, 1))
    transformer = self.networks['motion_transformer']
    prediction = transformer.apply(
      {'params': params['motion_transformer']},
      xt,
      t,
      tokens,
      m_0,
      drop=drop,
      controls=controls,
      drop_controls=drop_controls,
    )
    weight = self._track_weights(batch)
    diffusion, metrics = diffusion_loss(
      transformer.prediction_type, SCHEDULE, prediction, x0, noise, t, self.min_snr_gamma, weight=weight
    )
    estimate = objective.to_x0(transformer.prediction_type, SCHEDULE, prediction, xt, t)
    off = estimate - x0
    velocity = losses.mean_of_rows(jnp.square(off[:, 1:] - off[:, :-1]), weight)
    loss = diffusion + self.velocity_weight * velocity
    metrics['velocity'] = velocity
    if weight is not None:
      metrics = figures.measured(metrics, weight)
    if self.motion_source == 'truth' and self.lips_weight:
      read = codec.apply(variables, estimate * std + mean, method='read_truth')
      wrong = (read - jnp.repeat(batch['motion'], self.draws, axis=0)) / codec.motion_scales
      fields = None if weight is None else jnp.repeat(batch['motion_weight'], self.draws, axis=0)
      lips, blinks = _lips_and_blinks(wrong, t, drop, fields)
      loss += self.lips_weight * (lips + blinks)
      of_blinks, of_lips = (
        jnp.ones_like(drop, jnp.float32) if fields is None else jnp.max(fields[:, at], axis=-1)
        for at in (BLINK, np.array(LIPS))
      )
      metrics |= figures.measured({'blinks': blinks}, of_blinks) | figures.measured(
        {'lips': lips}, ~drop * of_lips
      )
    return loss, (metrics, collections)

  def _track_weights(self, batch) -> jax.Array | None:
    """Weights `[b draws]` of tracks of motion vectors, by their status; None: all alike, as of frames."""
    if self.motion_source != 'truth' or 'motion_weight' not in batch:
      return None
    return jnp.repeat(jnp.mean(batch['motion_weight'], axis=-1), self.draws)

  def _controls(self, batch, style, rng):
    """(controls, drop masks `[b draws]`), by control name; unknown ones are dropped.

    Args:
      batch: with the motion of the tracks, for the controls that follow it.
      style: style codes of other windows, `[b, 3 motion_dim]`, or None.
      rng: random key.
    """
    names = self.networks['motion_transformer'].controls
    noise_rng, drop_rng = jax.random.split(rng)
    controls, count = {}, self.draws * next(iter(batch.values())).shape[0]
    if style is not None:
      controls['style'] = jnp.repeat(style, self.draws, axis=0)
    if 'motion' in batch:
      motion = jnp.repeat(batch['motion'], self.draws, axis=0)
      tracks = {'pose': motion[..., POSE], 'blink': jnp.mean(motion[..., BLINK], axis=-1, keepdims=True)}
      for i, (name, track) in enumerate(tracks.items()):
        jitter = jax.random.normal(jax.random.fold_in(noise_rng, i), track.shape)
        controls[name] = track + self.control_noise * jitter
      controls['emotion'] = smile_label(motion)
    controls = {name: controls[name] for name in names}
    drop = {
      name: jax.random.uniform(jax.random.fold_in(drop_rng, i), (count,)) < self.control_drop_rate
      for i, name in enumerate(names)
    }
    if 'motion_weight' in batch:
      weight = jnp.repeat(batch['motion_weight'], self.draws, axis=0)
      for name in drop.keys() & _FIELDS_OF.keys():
        drop[name] |= jnp.min(weight[:, _FIELDS_OF[name]], axis=1) == 0
    if 'style' in drop:
      drop['style'] |= jnp.repeat(batch['style_length'], self.draws) == 0
    return controls, drop

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray | None:
    """Rows, with time to the right: true latents, and the estimate of one network call from pure noise."""
    del collections
    statistics = frozen.statistics['motion_transformer']
    mean, std = statistics['motion_mean'], statistics['motion_std']
    batch = {name: jnp.asarray(batch[name][:1]) for name in self.batch_spec(1)}
    found = self.features(frozen, batch)
    x0, tokens = (found['latents'] - mean) / std, found['tokens']
    m_0 = (found['portrait_latent'] - mean) / std if 'portrait_latent' in found else x0[:, 0]
    t = jnp.full((1,), SCHEDULE.num_steps - 1)
    xt = jax.random.normal(rng, x0.shape)
    transformer = self.networks['motion_transformer']
    prediction = transformer.apply({'params': params['motion_transformer']}, xt, t, tokens, m_0)
    estimate = objective.to_x0(transformer.prediction_type, SCHEDULE, prediction, xt, t)
    strips = [
      jnp.broadcast_to(a.transpose(0, 2, 1)[..., None] / 3, (1, *a.shape[:0:-1], 3)) for a in (x0, estimate)
    ]
    return image_ops.picture_grid(strips)


def _lips_and_blinks(
  wrong: jax.Array, t: jax.Array, drop: jax.Array, weight: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
  """Mean squared errors of lips, over tracks with speech, and of blinks.

  Args:
    wrong: errors of the motion fields in units of their scales, `[b, n, 58]`.
    t: diffusion times `[b]`.
    drop: bool `[b]`, whose speech was dropped.
    weight: weights of the fields, `[b, 58]`; None: all 1.
  """
  lip_fields, blink_fields = (
    (None if weight is None else weight[:, None, fields]) for fields in (np.array(LIPS), BLINK)
  )
  per_track = _mean_of_fields(jnp.square(wrong[..., np.array(LIPS)]), lip_fields)
  # Blinks do not follow from speech, so they are weighted by how visible they are in the noisy track. A blink
  # spans many values of several frames, so it is visible at noise levels that hide a single value.
  shown = _BLINK_SIGNAL * SCHEDULE.alpha_bar(t)
  signal = shown / (shown + 1.0 - SCHEDULE.alpha_bar(t))
  per_blink = signal * _mean_of_fields(jnp.square(wrong[..., BLINK]), blink_fields)
  blinks = losses.mean_of_rows(per_blink, None if weight is None else jnp.mean(weight[:, BLINK], axis=-1))
  with_speech = 1.0 - drop.astype(jnp.float32)
  if weight is not None:
    with_speech *= jnp.mean(weight[:, np.array(LIPS)], axis=-1)
  lips = jnp.sum(with_speech * per_track) / (jnp.sum(with_speech) + 1e-6)
  return lips, blinks


def _mean_of_fields(errors: jax.Array, weight: jax.Array | None) -> jax.Array:
  """Means `[b]` of errors `[b, n, fields]` under the weights `[b, 1, fields]` of the fields."""
  if weight is None:
    return jnp.mean(errors, axis=(1, 2))
  return jnp.mean(jnp.sum(errors * weight, axis=2) / (jnp.sum(weight, axis=2) + 1e-6), axis=1)


def smile_label(motion: jax.Array) -> jax.Array:
  """Emotion labels, int32 `[b]`, of motion `[b, n, 58]`: happy, sad or neutral, by the mean of smiles less frowns."""
  smile = jnp.mean(motion[..., SMILES], axis=(1, 2)) - jnp.mean(motion[..., FROWNS], axis=(1, 2))
  happy, sad, neutral = (EMOTIONS.index(name) for name in ('happy', 'sad', 'neutral'))
  return jnp.where(smile > _SMILES, happy, jnp.where(smile < _FROWNS, sad, neutral)).astype(jnp.int32)


def motion_latents(stage, frozen: base.Frozen, batch) -> jax.Array:
  """Motion latents `[b, n, motion_dim]` of a batch, from its ground truth or from its frames."""
  codec, variables = stage.frozen['motion_codec'], frozen.variables('motion_codec')
  if stage.motion_source == 'truth':
    return codec.apply(variables, batch['motion'], method='encode_truth')

  # One frame of all clips at a time: clips are on different devices, and a loop over clips would gather each
  # of them.
  def one_moment(index):
    frames = jax.lax.dynamic_index_in_dim(batch['frames'], index, axis=1, keepdims=False)
    return codec.apply(variables, image_ops.to_float(frames), method='motion')

  return jnp.moveaxis(jax.lax.map(one_moment, jnp.arange(batch['frames'].shape[1])), 0, 1)


def uses(config) -> base.Uses:
  """The motion transformer, and the frozen encoders of speech and motion."""
  del config
  return base.Uses(trained=('motion_transformer',), frozen=('speech_encoder', 'motion_codec'))


def build(config, pretrained: Mapping[str, nn.Module]) -> MotionStage:
  """The stage of a configuration.

  Raises:
    ConfigError: an unknown `motion_source`.
  """
  options = base.options_of(MotionStage, config)
  source = options.get('motion_source', 'truth')
  if source not in ('truth', 'frames'):
    raise ConfigError(f"option motion_source={source!r} is unknown: use 'truth' or 'frames'")
  if source == 'frames':
    options = {'view': 'clip', **options}
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  return MotionStage(networks=networks, frozen=frozen, **options)
