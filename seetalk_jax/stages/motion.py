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
  LIPS,
  MOTION_DIM,
  WINDOW_FRAMES,
)
from seetalk_jax.data import views
from seetalk_jax.diffusion import objective, process
from seetalk_jax.diffusion.loss import diffusion_loss
from seetalk_jax.diffusion.times import stratified_times
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.motion.motion_controls import style_code
from seetalk_jax.models.motion.motion_transformer import PAST_PARAMETER
from seetalk_jax.models.nn import image_ops
from seetalk_jax.sampling.motion import SCHEDULE, trained_window
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base, figures, lookahead, motion_conditions, motion_losses, truth_known

_PREPARE_BATCHES = 64


@dataclasses.dataclass(frozen=True)
class MotionStage(base.Stage):
  """Diffusion (x0-prediction, zero terminal SNR) of all standardized motion latents of a window together.

  No condition is taken from the window itself. m_0 is that of a frame at rest (`truth`), or of another moment of the
  clip (`frames`); the style is that of another window of the clip, and is dropped where the clip has none.

  Attributes:
    motion_source: 'truth' encodes the motion of the records with `encode_truth` and needs no frames; a track counts by
      the mean weight of its fields, less where it is estimated. 'frames' encodes the frames of view `clip` with
      `motion`; the controls pose, blink and gaze are those of the records' motion, estimated in real
      recordings, and are dropped where it is absent. The control emotion is that of the records' labels, and is
      dropped where there are none.
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
    no_controls_rate: share of the tracks whose controls are all dropped: most recordings are sampled without controls,
      and independent drops of five controls leave it to one track of 32.
    control_noise: standard deviation of the noise on tracks of pose, blinks and gaze, in the units of the tracks,
      because tracks of users are measured with an error.
    lookahead_rate: share of the clips whose speech is cut some frames after a boundary, as in a live session; frames
      after the boundary do not count. See `stages.lookahead`, also for what a token near the cut is.
    past_rate: share of the clips whose first frames are given: the transformer reads their clean motion, and they do
      not count. The transformer gets `with_past`.
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
  no_controls_rate: float = 0.1
  control_noise: float = 0.02
  lookahead_rate: float = 0.0
  past_rate: float = 0.0

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
    if self._has('emotion'):
      names.append('emotion')
    if self._has('style'):
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
    style = ('style',) if self._has('style') else ()
    return {**super().data_options(), 'num_frames': self.num_frames, 'conditions': (*portrait, *style)}

  def _has(self, control: str) -> bool:
    return control in self.networks['motion_transformer'].controls

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
    return self.motion_source == 'frames' and bool(set(controls) & set(motion_conditions.FIELDS_OF))

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

  @property
  def new_parts(self) -> Mapping[str, tuple[str, ...]]:
    of_controls = motion_conditions.parts_of(self.networks['motion_transformer'])
    parts = (*((PAST_PARAMETER,) if self.past_rate else ()), *of_controls)
    return {'motion_transformer': parts} if parts else {}

  def features(
    self, frozen: base.Frozen, batch: base.Batch, num_samples: jax.Array | None = None
  ) -> base.Batch:
    """`latents` and `tokens` of a batch, latents of its conditions, and its motion and labels where it has any.

    Args:
      num_samples: samples of speech that the encoder reads, int `[b]`; tokens after them are zeros. None: all.
    """
    tokens, _ = self.frozen['speech_encoder'].apply(
      frozen.variables('speech_encoder'), batch['speech'], num_samples, method='encode_tokens'
    )
    kept = ('motion', 'motion_weight', 'emotion', 'style_length')
    extra = {name: batch[name] for name in kept if name in batch}
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
    cuts = self._cuts(jax.random.fold_in(rng, 5), batch)  # 0 to 4 are the keys above
    if 'latents' not in batch:
      batch = self.features(frozen, batch, self._num_samples(cuts, batch))
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
    masks, counted = self._masks(cuts, m.shape[1])
    controls, drop_controls = motion_conditions.controls_of(
      self.networks['motion_transformer'].controls,
      batch,
      style,
      jax.random.fold_in(drop_rng, 1),
      draws=self.draws,
      drop_rate=self.control_drop_rate,
      none_rate=self.no_controls_rate,
      noise=self.control_noise,
      valid=masks.get('valid'),
    )
    if 'given' in masks:
      xt = jnp.where(masks['given'][..., None], x0, xt)
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
      **masks,
    )
    weight = self._track_weights(batch)
    diffusion, metrics = diffusion_loss(
      transformer.prediction_type,
      SCHEDULE,
      prediction,
      x0,
      noise,
      t,
      self.min_snr_gamma,
      weight=weight,
      counted=counted,
    )
    estimate = objective.to_x0(transformer.prediction_type, SCHEDULE, prediction, xt, t)
    if 'given' in masks:  # the first frame that is estimated follows the last given one, as in sampling
      estimate = jnp.where(masks['given'][..., None], x0, estimate)
    velocity = motion_losses.velocity(estimate - x0, weight, counted)
    loss = diffusion + self.velocity_weight * velocity
    metrics['velocity'] = velocity
    if 'emotion' in batch:
      metrics['emotion_labels'] = jnp.mean(motion_conditions.has_emotion(batch['emotion']))
    if weight is not None:
      metrics = figures.measured(metrics, weight)
    if self.motion_source == 'truth' and self.lips_weight:
      read = codec.apply(variables, estimate * std + mean, method='read_truth')
      wrong = (read - jnp.repeat(batch['motion'], self.draws, axis=0)) / codec.motion_scales
      fields = None if weight is None else jnp.repeat(batch['motion_weight'], self.draws, axis=0)
      lips, blinks = motion_losses.lips_and_blinks(wrong, t, drop, fields, counted)
      loss += self.lips_weight * (lips + blinks)
      of_blinks, of_lips = (
        jnp.ones_like(drop, jnp.float32) if fields is None else jnp.max(fields[:, at], axis=-1)
        for at in (BLINK, np.array(LIPS))
      )
      metrics |= figures.measured({'blinks': blinks}, of_blinks) | figures.measured(
        {'lips': lips}, ~drop * of_lips
      )
    return loss, (metrics, collections)

  def _cuts(self, rng, batch) -> lookahead.Cuts | None:
    """The cuts of the clips `[b]` of a batch; None: none are cut."""
    if not (self.lookahead_rate or self.past_rate):
      return None
    lengths = jnp.full(len(next(iter(batch.values()))), self.num_frames)
    return lookahead.draw(rng, lengths, self.lookahead_rate, self.past_rate)

  def _num_samples(self, cuts, batch) -> jax.Array | None:
    return cuts.num_samples(batch['speech'].shape[1]) if cuts and self.lookahead_rate else None

  def _masks(self, cuts, num_frames) -> tuple[dict[str, jax.Array], jax.Array | None]:
    """(arguments of the transformer, weights of frames), `[b draws, num_frames]`."""
    if cuts is None:
      return {}, None
    cuts, masks = cuts.repeated(self.draws), {}
    if self.lookahead_rate:
      masks['valid'] = jnp.arange(num_frames) < cuts.end[:, None]
    if self.past_rate:
      masks['given'] = cuts.given(num_frames)
    return masks, cuts.counted(num_frames)

  def _track_weights(self, batch) -> jax.Array | None:
    """Weights `[b draws]` of tracks of motion vectors, by their status; None: all alike, as of frames."""
    if self.motion_source != 'truth' or 'motion_weight' not in batch:
      return None
    return jnp.repeat(jnp.mean(batch['motion_weight'], axis=-1), self.draws)

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
    ConfigError: an unknown `motion_source` or control, or cuts that do not fit, see `lookahead.check`.
  """
  options = base.options_of(MotionStage, config)
  source = options.get('motion_source', 'truth')
  if source not in ('truth', 'frames'):
    raise ConfigError(f"option motion_source={source!r} is unknown: use 'truth' or 'frames'")
  if source == 'frames':
    options = {'view': 'clip', **options}
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  networks = {name: motion_conditions.with_controls(network, config) for name, network in networks.items()}
  stage = MotionStage(networks=networks, frozen=frozen, **options)
  lookahead.check(stage.name, config, stage.lookahead_rate, stage.num_frames, stage.past_rate)
  if stage.past_rate:
    networks = {name: network.clone(with_past=True) for name, network in networks.items()}
  return dataclasses.replace(stage, networks=networks)
