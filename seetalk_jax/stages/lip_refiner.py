"""Lip refiner stage: compute the lip subspace of the frozen codec, then train corrections inside it.

Region refinement is not specified in the paper; we use the two steps of `LipRefinerStage`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import LIPS, MOTION_DIM, MOTION_STEPS, SAMPLES_PER_FRAME, SYNC_FRAMES
from seetalk_jax.data import views
from seetalk_jax.diffusion import guidance, samplers
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.models.critics.sync_expert import cosine_of_frames
from seetalk_jax.models.motion.mouth import boxes_around, crop_boxes, inside_boxes, mouth_center
from seetalk_jax.models.nn import image_ops
from seetalk_jax.sampling.motion import CLIP, SCHEDULE, SPACING, trained_window
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base, figures, lookahead, losses, truth_known
from seetalk_jax.stages.lip_subspace import lip_subspace, second_moments
from seetalk_jax.stages.sync_expert import expert_name, sync_loss

# Half width and half height of the compared mouth region, relative to the side of the portrait crop.
RENDER_HALF = (0.15, 0.13)
# The same of the region that refinement may change. It includes moving lips and the chin.
OUTSIDE_HALF = (0.2, 0.17)
_PREPARE_BATCHES = 24
_LIPS = np.array(LIPS)


@dataclasses.dataclass(frozen=True)
class LipRefinerStage(base.Stage):
  """Lip subspace from data, then training of the refiner on sampled tracks.

  `prepare` computes U: the directions of m that change much when only the lips change, and little when
  anything else changes. It solves a generalized eigenproblem on `encode_truth` of motions with exchanged lip
  fields; the codec is frozen. Training samples tracks from M_diff, the input of the refiner at inference. The
  target of a sampled track is the same track with the lips of the true motion; the rest of the face stays as
  sampled. The losses compare the refined track with its target inside U and in the rendered mouth region, and
  add the loss of the sync expert.

  Motion of real recordings is estimated: a track counts by the mean weight of its lip fields, and fields that are
  absent stay as sampled.

  Attributes:
    view: `portrait_speech` (with portraits to render) or `speech_motion` (longer tracks, no rendering).
    image_size: height and width of the portraits, in pixels.
    render_weight: multiplies the Charbonnier error of the rendered mouth region, refined against target.
    render_share: share of the batch that is rendered for this loss, at least one portrait.
    outside_weight: multiplies the change of the image outside of the mouth region by the refinement, compared
      with the image of the unrefined track; needs `render_weight`.
    sync_weight: multiplies the sync expert's loss on clips of five frames; 0 needs no expert.
    sync_share: share of the batch that is rendered for the sync loss, at least one portrait.
    sample_steps: sampling steps of M_diff.
    sample_guidance: guidance scale of the speech when sampling from M_diff.
    velocity_weight: multiplies the error of frame-to-frame differences inside U.
    ridge: ridge of the eigenproblem against directions that hardly change, relative to the mean eigenvalue.
    lookahead_rate: share of the clips whose speech is cut some frames after a boundary, for M_diff and the refiner, as
      in a live session; frames after the boundary do not count. See `stages.lookahead`. The refiner takes no past: it
      reads neighboring frames alone.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  name: str = 'lip_refiner'
  view: str = 'portrait_speech'
  image_size: int = 256
  render_weight: float = 0.5
  render_share: float = 0.25
  outside_weight: float = 1.0
  sync_weight: float = 0.05
  sync_share: float = 0.125
  sample_steps: int = MOTION_STEPS
  sample_guidance: float = 1.5
  velocity_weight: float = 1.0
  ridge: float = 0.1
  lookahead_rate: float = 0.0

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ['speech', self._motion_key, 'motion_weight']
    names += ['num_samples'] if self.view == 'portrait_speech' else []
    names += ['portrait'] if self._renders else []
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  def check_frozen(self, frozen: base.Frozen) -> None:
    """Subspace and targets come from the truth encoder, which must be a trained one."""
    truth_known.check(frozen, self.name)

  @property
  def _motion_key(self) -> str:
    return 'speech_motion' if self.view == 'portrait_speech' else 'motion'

  @property
  def _renders(self) -> bool:
    return self.view == 'portrait_speech' and (self.render_weight > 0 or self.sync_weight > 0)

  @property
  def _expert(self) -> str:
    return expert_name(self.frozen)

  @property
  def statistics_entries(self) -> tuple[str, ...]:
    read = (self._motion_key, 'motion_weight', 'num_samples')
    return tuple(name for name in read if name in self.batch_spec(1))

  def prepare(self, frozen: base.Frozen, batches) -> dict[str, dict[str, np.ndarray]]:
    """`lip_subspace` `[motion_dim, k]`, and its shares of lip changes and of other changes, in [0, 1].

    Raises:
      InputError: no lip motion is known in the batches.
    """
    names = self.statistics_entries
    moments = jax.jit(functools.partial(self._second_moments, frozen.variables('motion_codec')))
    sums = [
      moments({name: jnp.asarray(batch[name]) for name in names})
      for batch in base.first_batches(batches, _PREPARE_BATCHES)
    ]
    sums = device_mesh.to_host(sums)
    total = sum(float(weight) for _, weight in sums)
    if not total:
      raise InputError(
        'no lip motion is known in the corpora, and stage lip_refiner needs it: prepare the recordings again, or add a '
        'synthetic corpus'
      )
    lips, rest = (sum(np.asarray(pair[i], np.float64) for pair, _ in sums) / total for i in (0, 1))
    subspace = lip_subspace(lips, rest, self.networks['lip_refiner'].subspace_dim, self.ridge)
    shares = [np.trace(subspace.T @ c @ subspace) / max(np.trace(c), 1e-12) for c in (lips, rest)]
    statistics = {
      'lip_subspace': subspace.astype(np.float32),
      'lip_subspace_lips': np.float32(shares[0]),
      'lip_subspace_rest': np.float32(shares[1]),
    }
    return {'lip_refiner': statistics}

  def _second_moments(self, variables, batch):
    """`lip_subspace.second_moments` of `statistics_entries` of a batch; `variables` are those of the motion codec."""
    motion = batch[self._motion_key]
    weights = frame_weights(batch, motion.shape[1])
    return second_moments(self.frozen['motion_codec'], variables, motion, weights)

  def check_statistics(self, statistics: base.Statistics) -> None:
    """Checks that tracks are no longer than the windows that M_diff was trained on."""
    length = self.batch_spec(1)[self._motion_key].shape[1]
    window = trained_window(statistics.get('motion_transformer', {}))
    if length > window:
      raise ConfigError(
        f'stage lip_refiner samples tracks of {length} frames, and config.init.motion_transformer was trained on '
        f'windows of {window}: train stage motion with --config.options.num_frames={length} or more'
      )

  def statistics_spec(self) -> dict[str, dict[str, jax.ShapeDtypeStruct]]:
    width = self.frozen['motion_codec'].motion_dim
    subspace = base.float_spec(width, self.networks['lip_refiner'].subspace_dim)
    return {
      'motion_transformer': {'motion_mean': base.float_spec(width), 'motion_std': base.float_spec(width)},
      'lip_refiner': {'lip_subspace': subspace},
    }

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    d, e = self.frozen['motion_codec'].motion_dim, self.frozen['speech_encoder'].token_dim
    params = self.networks['lip_refiner'].init(rng, jnp.zeros((1, 8, d)), jnp.zeros((1, 8, e)))['params']
    if 'lip_refiner' in frozen.statistics:
      stored = params['subspace']
      subspace = jnp.asarray(frozen.statistics['lip_refiner']['lip_subspace'])
      boxed = isinstance(stored, nn.meta.AxisMetadata)
      params = {**params, 'subspace': stored.replace_boxed(subspace) if boxed else subspace}
    return {'lip_refiner': params}, {}

  def trainable(self, params: Mapping[str, Any]) -> Any:
    """All parameters except U."""
    tree = jax.tree.map(lambda _: True, params)
    return {'lip_refiner': {**tree['lip_refiner'], 'subspace': False}}

  def loss(self, params, frozen, collections, batch, rng, step):
    del step
    codec, variables = self.frozen['motion_codec'], frozen.variables('motion_codec')
    # The first two of the four keys are unused: released weights were trained with this split.
    _, _, pick_rng, sample_rng = jax.random.split(rng, 4)
    truth = batch[self._motion_key]
    if self.lookahead_rate:
      whole = batch.get('num_samples', jnp.full(len(truth), truth.shape[1] * SAMPLES_PER_FRAME))
      cut_rng = jax.random.fold_in(rng, 4)  # 0 to 3 are the keys above
      cuts = lookahead.draw(cut_rng, whole // SAMPLES_PER_FRAME, self.lookahead_rate)
      batch = {**batch, 'num_samples': cuts.num_samples(whole)}
    tokens, valid = self.frozen['speech_encoder'].apply(
      frozen.variables('speech_encoder'), batch['speech'], batch.get('num_samples'), method='encode_tokens'
    )
    subspace = jax.lax.stop_gradient(params['lip_refiner']['subspace'])
    known = batch['motion_weight'] > 0
    m, m_in, tokens = jax.lax.stop_gradient(
      (*self._samples(frozen, truth, known, tokens, sample_rng, valid), tokens)
    )
    refined = self.networks['lip_refiner'].apply({'params': params['lip_refiner']}, m_in, tokens, valid=valid)

    if self.lookahead_rate:
      # Lips and clips of the sync expert are compared before the boundary.
      until = jnp.minimum(batch['num_samples'], cuts.boundary * SAMPLES_PER_FRAME)
      batch = {**batch, 'num_samples': until}
    weight = frame_weights(batch, truth.shape[1])[..., None]
    # Full precision on every device: the spread of U may be small beside m.
    project = functools.partial(jnp.matmul, precision='highest')
    wanted = project(m, subspace)
    spread = _weighted_std(wanted, weight)
    spread = spread + 1e-3 * jnp.mean(spread) + 1e-4
    off, off_before = ((project(x, subspace) - wanted) / spread for x in (refined, m_in))
    inside, before = (losses.weighted_mean(losses.charbonnier(x, 0.1), weight) for x in (off, off_before))
    steps = jnp.minimum(weight[:, 1:], weight[:, :-1])
    velocity = losses.weighted_mean(losses.charbonnier(off[:, 1:] - off[:, :-1], 0.1), steps)
    loss = inside + self.velocity_weight * velocity
    scales, fields = codec.motion_scales[_LIPS], weight * known[:, None, _LIPS]
    readings = [codec.apply(variables, x, method='read_truth')[..., _LIPS] for x in (refined, m_in)]
    lips = [
      losses.weighted_mean(jnp.abs(reading - truth[..., _LIPS]) / scales, fields) for reading in readings
    ]
    metrics = {
      'inside': inside,
      'inside_before': before,
      'velocity': velocity,
      'lips': lips[0],
      'lips_before': lips[1],
    }
    metrics = figures.measured(metrics, weight)
    if self._renders:
      frame_rng, clip_rng = jax.random.split(pick_rng)
      pictures = 0.0
      if self.render_weight:
        tracks = (refined, m, m_in)
        added, added_metrics = self._mouth_loss(frozen, batch['portrait'], *tracks, weight[..., 0], frame_rng)
        pictures += added
        metrics |= added_metrics
      if self.sync_weight and self._expert in self.frozen:
        added, added_metrics = self._sync_loss(frozen, batch, refined, clip_rng)
        pictures += added
        metrics |= added_metrics
      loss += pictures
    return loss, (metrics, collections)

  def _samples(self, frozen, truth, known, tokens, rng, valid=None):
    """Tracks `[b, n, d]` sampled from M_diff for a portrait at rest: (with the true lips, as sampled).

    Args:
      truth: motion vectors `[b, n, 58]`.
      known: bool `[b, 58]`, which fields they hold; others stay as sampled.
      valid: bool `[b, n]`, frames until the end of the speech; None: all.
    """
    codec, variables = self.frozen['motion_codec'], frozen.variables('motion_codec')
    transformer = self.frozen['motion_transformer']
    statistics = frozen.statistics['motion_transformer']
    mean, std = statistics['motion_mean'], statistics['motion_std']
    rest = codec.apply(variables, jnp.zeros((1, MOTION_DIM)), method='encode_truth')
    m_0 = (rest - mean) / std
    b, n, _ = truth.shape
    valid = jnp.ones((b, n), bool) if valid is None else valid

    def predict(xt, t, condition):
      tokens, valid, drop = condition
      portraits = jnp.broadcast_to(m_0, (xt.shape[0], m_0.shape[-1]))
      variables = frozen.variables('motion_transformer')
      return transformer.apply(variables, xt, t, tokens, portraits, valid, drop)

    sampled = samplers.sample(
      guidance.guided(
        predict,
        self.sample_guidance,
        (tokens, valid, jnp.zeros(b, bool)),
        (tokens, valid, jnp.ones(b, bool)),
      ),
      SCHEDULE,
      jax.random.normal(rng, (b, n, codec.motion_dim)),
      num_steps=self.sample_steps,
      spacing=SPACING,
      prediction_type=transformer.prediction_type,
      clip=lambda x0: jnp.clip(x0, -CLIP, CLIP),
    )
    sampled = sampled * std + mean
    reading = codec.apply(variables, sampled, method='read_truth')
    lips = jnp.where(known[:, None, _LIPS], truth[..., _LIPS], reading[..., _LIPS])
    spoken = reading.at[..., _LIPS].set(lips)
    with_lips, without = (codec.apply(variables, x, method='encode_truth') for x in (spoken, reading))
    return sampled + with_lips - without, sampled

  def _draw(self, frozen, portraits, tracks):
    """`[p, h, w, 3]`, `[p, f, d]` -> pictures `[p, f, h, w, 3]`, places of the mouth `[p, f, 2]`."""
    run = functools.partial(self.frozen['motion_codec'].apply, frozen.variables('motion_codec'))
    p, f, d = tracks.shape
    source = (run(portraits, method='appearance'), run(portraits, method='motion'))
    source = jax.tree.map(lambda a: jnp.repeat(a, f, axis=0), source)
    warped = run(*source, tracks.reshape(p * f, d), method='warp')
    image = run(warped, method='decode')
    return image.reshape(p, f, *image.shape[1:]), mouth_center(warped.flow).reshape(p, f, 2)

  def _mouth_loss(self, frozen, portraits, refined, truth, unrefined, weight, rng):
    """Rendered mouth regions of refined against true motion, and what refinement changes around them.

    Args:
      portraits: uint8 `[b, h, w, 3]`.
      refined, truth, unrefined: tracks `[b, n, d]` after refinement, as they should be, and before.
      weight: of each frame, `[b, n]`; those of known motion come first.

    Returns:
      (weighted loss, metrics), of one frame of `render_share` of the portraits.
    """
    share_rng, frame_rng = jax.random.split(rng)
    tracks = (refined, truth, unrefined) if self.outside_weight else (refined, truth)
    portraits, weight, tracks = base.random_share(share_rng, self.render_share, (portraits, weight, tracks))
    known = jnp.maximum(jnp.sum(weight > 0, axis=1), 1)[:, None, None]
    at = jax.random.randint(frame_rng, (portraits.shape[0], 1, 1), 0, known)
    shown = [jnp.take_along_axis(x, at, axis=1) for x in tracks]
    image, centers = self._draw(frozen, image_ops.to_float(portraits), jnp.concatenate(shown, axis=1))
    centers = centers[:, 1]
    boxes = boxes_around(centers, RENDER_HALF)
    rendered_mouth, target_mouth = (crop_boxes(image[:, i], boxes, (64, 64)) for i in range(2))
    rendered = losses.mean_of_rows(
      losses.charbonnier(rendered_mouth - jax.lax.stop_gradient(target_mouth)), weight[:, 0]
    )
    loss, metrics = self.render_weight * rendered, figures.measured({'rendered': rendered}, weight[:, 0])
    if self.outside_weight:
      around = 1.0 - inside_boxes(boxes_around(centers, OUTSIDE_HALF), image.shape[2:4])
      change = losses.charbonnier(image[:, 0] - jax.lax.stop_gradient(image[:, 2]))
      metrics['outside'] = losses.weighted_mean(change, around)
      loss += self.outside_weight * metrics['outside']
    return loss, metrics

  def _sync_loss(self, frozen, batch, refined, rng):
    """(weighted loss, metrics) of the sync expert on five rendered frames of `sync_share` of the batch."""
    expert = self.frozen[self._expert]
    share_rng, start_rng = jax.random.split(rng)
    read = {name: batch[name] for name in ('speech', 'portrait', 'num_samples') if name in batch}
    refined, read = base.random_share(share_rng, self.sync_share, (refined, read))
    frames, speech = refined.shape[1], read['speech']
    if 'num_samples' in read:  # no window in the silence after the end of a short clip
      frames = jnp.maximum(jnp.min(read['num_samples']) // SAMPLES_PER_FRAME, SYNC_FRAMES)
    start = jax.random.randint(start_rng, (), 0, frames - SYNC_FRAMES + 1)
    clip = jax.lax.dynamic_slice_in_dim(refined, start, SYNC_FRAMES, axis=1)
    padded = jnp.pad(speech, ((0, 0), (0, expert.num_samples)))
    speech = jax.lax.dynamic_slice_in_dim(padded, start * SAMPLES_PER_FRAME, expert.num_samples, axis=1)
    image, centers = self._draw(frozen, image_ops.to_float(read['portrait']), clip)
    variables = frozen.variables(self._expert)
    cosine = cosine_of_frames(expert, variables, speech, image, jnp.mean(centers, axis=1))
    return self.sync_weight * sync_loss(cosine), {'sync_cosine': jnp.mean(cosine)}


def frame_weights(batch: base.Batch, num_frames: int) -> jax.Array:
  """Weights of the frames of motion tracks, `[b, num_frames]`: the mean weight of the lip fields, 0 after the end."""
  weights = jnp.mean(batch['motion_weight'][:, _LIPS], axis=1)[:, None]
  if 'num_samples' not in batch:
    return jnp.broadcast_to(weights, (len(weights), num_frames))
  return weights * (jnp.arange(num_frames) < batch['num_samples'][:, None] // SAMPLES_PER_FRAME)


def _weighted_std(x: jax.Array, weight: jax.Array) -> jax.Array:
  """Standard deviations `[d]` of `x [b, n, d]` under weights `[b, n, 1]`."""
  total = jnp.sum(weight) + 1e-6
  mean = jnp.sum(weight * x, axis=(0, 1)) / total
  return jnp.sqrt(jnp.sum(weight * jnp.square(x - mean), axis=(0, 1)) / total)


def uses(config) -> base.Uses:
  """The refiner, the networks that sample its tracks, and the sync expert if the options use it."""
  option = functools.partial(base.option, LipRefinerStage, config)
  frozen = ['speech_encoder', 'motion_codec', 'motion_transformer']
  if option('view') == 'portrait_speech' and option('sync_weight'):
    frozen.append(expert_name(config.init))
  return base.Uses(trained=('lip_refiner',), frozen=tuple(frozen))


def build(config, pretrained: Mapping[str, nn.Module]) -> LipRefinerStage:
  """The stage of a configuration.

  Raises:
    ConfigError: cuts that do not fit, see `lookahead.check`.
  """
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  stage = LipRefinerStage(networks=networks, frozen=frozen, **base.options_of(LipRefinerStage, config))
  frames = stage.batch_spec(1)[stage._motion_key].shape[1]
  lookahead.check(stage.name, config, stage.lookahead_rate, frames)
  return stage
