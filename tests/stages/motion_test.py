"""Motion stage: statistics of the latents, the length of windows, conditions, a learned batch."""

import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage2_training import batch_of, standard, train
from tiny_networks import stirred
from tiny_stages import config_of

from seetalk_jax.constants import MOTION_DIM
from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_controls import style_code
from seetalk_jax.models.motion.motion_transformer import PAST_PARAMETER
from seetalk_jax.stages import base, lookahead
from seetalk_jax.training import config_files, initial_weights

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make(modules, controls=(), **options):
  config = config_of('motion', ['motion_transformer'], **options)
  config.model.motion_transformer.controls = controls
  return base.build_stage(config, {k: modules[k] for k in ('speech_encoder', 'motion_codec')})


def test_motion_learns_and_standardises(world):
  modules, frozen = world
  stage = make(modules)
  batch = batch_of(stage)
  statistics = stage.prepare(frozen, iter([batch]))
  own = statistics['motion_transformer']
  m = registry.make('motion_codec', 'tiny').apply(
    frozen.variables('motion_codec'), batch['motion'], method='encode_truth'
  )
  np.testing.assert_allclose(own['motion_mean'], m.mean((0, 1)), atol=1e-4)
  assert (own['motion_std'] > 0).all() and own['motion_window'] == 100
  assert {name: x.shape for name, x in stage.statistics_spec()['motion_transformer'].items()} == {
    name: np.shape(x) for name, x in own.items()
  }
  frozen = frozen.replace(statistics=statistics)
  _, _, params, _ = train(stage, frozen, batch, 6)
  assert stage.preview(params, frozen, {}, batch, jax.random.key(0)).ndim == 3


def test_a_run_keeps_its_windows(world):
  stage = make(world[0], num_frames=50)
  stage.check_statistics({'motion_transformer': {'motion_window': np.float32(50)}})
  with pytest.raises(ConfigError, match='num_frames=50, .* sampled in windows of 80 frames: use 80'):
    stage.check_statistics({'motion_transformer': {'motion_window': np.float32(80)}})
  with pytest.raises(
    ConfigError, match='windows of 100 frames'
  ):  # of an earlier version, without the statistic
    stage.check_statistics({'motion_transformer': standard(256)})


@pytest.mark.parametrize('variant', ['tiny', 'demo', 'base', 'large'])
@pytest.mark.parametrize('source', ['frames', 'truth'])
def test_every_variant_trains_on_windows_of_four_seconds_as_its_view_gives_them(variant, source):
  config = config_files.load(ROOT / 'configs/motion.py', variant)
  config.options.motion_source = source
  given = {name: registry.make(name, 'tiny') for name in ('speech_encoder', 'motion_codec')}
  stage = base.build_stage(config, given)
  spec = stage.batch_spec(3)
  assert spec['speech'].shape == (3, 4 * 16_000)
  assert spec['frames' if source == 'frames' else 'motion'].shape[:2] == (3, 100)
  of_view = views.batch_spec(stage.view, 3, **stage.data_options())
  assert spec == {name: of_view[name] for name in spec}


class Recorder:
  """A motion transformer that keeps its conditions and returns its input."""

  prediction_type = 'x0'
  controls = ('style',)

  def apply(self, variables, xt, t, tokens, m_0, drop, controls, drop_controls):
    self.m_0, self.style, self.drop_style = m_0, controls['style'], drop_controls['style']
    return xt


def conditions(world, batch=None, **options):
  """What a stage gives the transformer of a batch besides speech: (m_0, style, drop mask of the style)."""
  modules, frozen = world
  always = {'control_drop_rate': 0.0, 'no_controls_rate': 0.0}
  stage = make(modules, ('style',), num_frames=6, portrait_noise=0.0, draws=1, **always, **options)
  stage = type(stage)(**{**vars(stage), 'networks': {'motion_transformer': Recorder()}})
  batch = batch(stage)
  frozen = frozen.replace(statistics={'motion_transformer': standard(256)})
  stage.loss({'motion_transformer': {}}, frozen, {}, batch, jax.random.key(0), 0)
  seen = stage.networks['motion_transformer']
  return tuple(map(np.asarray, (seen.m_0, seen.style, seen.drop_style)))


@pytest.mark.parametrize('source', ['frames', 'truth'])
def test_conditions_do_not_hold_the_window_that_is_denoised(world, source):
  key = 'frames' if source == 'frames' else 'motion'
  lengths = np.array([6, 0, 4], np.int32)

  def batch(stage, **changes):
    drawn = base.fake_batch(stage.batch_spec(3)) | {'style_length': lengths}
    return drawn | {name: change(drawn[name]) for name, change in changes.items()}

  turned = lambda pictures: np.ascontiguousarray(pictures[..., ::-1, :] // 2)
  m_0, style, drop = conditions(world, batch, motion_source=source)
  assert drop.tolist() == [False, True, False]
  again = conditions(world, lambda s: batch(s, **{key: turned}), motion_source=source)
  np.testing.assert_array_equal(m_0, again[0])
  np.testing.assert_array_equal(style, again[1])
  # They follow the other moments of the clip, and of these the frames that are there.
  other = conditions(world, lambda s: batch(s, **{f'style_{key}': turned}), motion_source=source)
  assert np.abs(style - other[1])[[0, 2]].max() > 1e-3
  padded = lambda x: np.concatenate([x[:, :4], turned(x[:, 4:])], axis=1)
  same = conditions(world, lambda s: batch(s, **{f'style_{key}': padded}), motion_source=source)
  np.testing.assert_array_equal(style[2], same[1][2])
  assert np.abs(style[0] - same[1][0]).max() > 1e-4
  if source == 'frames':
    other = conditions(world, lambda s: batch(s, portrait=turned), motion_source=source)
    assert np.abs(m_0 - other[0]).max() > 1e-3


def test_latents_of_conditions_are_those_of_the_codec(world):
  modules, frozen = world
  stage = make(modules, ('style',), num_frames=4, motion_source='frames')
  batch = {name: jnp.asarray(x) for name, x in base.fake_batch(stage.batch_spec(2)).items()}
  found = jax.jit(stage.features)(frozen, batch)
  assert 'motion' not in found and found['style_length'].tolist() == [0, 1]

  def read(frames):
    return modules['motion_codec'].apply(
      frozen.variables('motion_codec'), frames.astype(np.float32) / 127.5 - 1, method='motion'
    )

  np.testing.assert_allclose(found['portrait_latent'], read(batch['portrait']), atol=1e-4)
  np.testing.assert_allclose(found['style_latents'][:, 1], read(batch['style_frames'][:, 1]), atol=1e-4)
  assert style_code(found['style_latents']).shape == (2, 768)


def test_tracks_of_motion_vectors_count_by_their_status(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('motion', ['motion_transformer'], drop_rate=0.0),
    {k: modules[k] for k in ('speech_encoder', 'motion_codec')},
  )
  frozen = frozen.replace(statistics={'motion_transformer': standard(256)})
  batch = batch_of(stage)
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0))
  other = {**batch, 'motion': batch['motion'].copy()}
  other['motion'][1] += 1.0

  def losses_of(weights):
    weighed = {'motion_weight': np.float32(weights)[:, None] * np.ones((2, MOTION_DIM), np.float32)}
    return float(loss({**batch, **weighed})[0]), float(loss({**other, **weighed})[0])

  exact, changed = losses_of([1, 1])
  np.testing.assert_allclose(losses_of([0.3, 0.3]), [exact, changed], rtol=1e-4)
  alone, unaffected = losses_of([1, 0])
  np.testing.assert_allclose(alone, unaffected, rtol=1e-6)
  estimated, moved = losses_of([1, 0.3])
  assert abs(moved - estimated) < abs(changed - exact)
  np.testing.assert_allclose(estimated, (2 * exact - alone) * 0.3 / 1.3 + alone / 1.3, rtol=1e-3)


PAST, BOUNDARY, END = np.array([3, 0]), np.array([8, 12]), np.array([13, 17])


def cut_stage(world, monkeypatch, controls=(), **options):
  """(stage whose two clips of 20 frames are cut at PAST, BOUNDARY and END, frozen, batch)."""
  cuts = lookahead.Cuts(*map(jnp.asarray, (PAST, BOUNDARY, END, np.array([True, True]))))
  monkeypatch.setattr(lookahead, 'draw', lambda *_: cuts)
  stage = make(world[0], controls, num_frames=20, lookahead_rate=1.0, past_rate=1.0, drop_rate=0.0, **options)
  frozen = world[1].replace(statistics={'motion_transformer': standard(256)})
  return stage, frozen, batch_of(stage)


def changed(batch, name, change, first, last=(20, 20)):
  """The batch with `change` added to frames `first` to `last` of each clip."""
  x = batch[name].copy()
  frame = 640 if name == 'speech' else 1
  for row, (start, stop) in enumerate(zip(first, last, strict=True)):
    x[row, start * frame : stop * frame] += change
  return {**batch, name: x}


def test_speech_beyond_the_look_ahead_has_no_effect_on_what_counts(world, monkeypatch):
  stage, frozen, batch = cut_stage(world, monkeypatch)
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  params = stirred(params)
  assert PAST_PARAMETER in params['motion_transformer']
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0))
  plain, (metrics, _) = loss(batch)
  assert np.isfinite(plain)
  # Neither the speech after the cut nor the motion there, though the noisy track holds it.
  for name, change in (('speech', 0.5), ('motion', 1.0)):
    same, (others, _) = loss(changed(batch, name, change, END))
    assert same == plain and others == metrics
  assert loss(changed(batch, 'speech', 0.5, BOUNDARY, END))[0] != plain
  # Given frames have an effect on the others.
  assert loss(changed(batch, 'motion', 1.0, (0, 0), PAST))[0] != plain


class Output:
  """A motion transformer whose output is its parameter, and that keeps its inputs."""

  prediction_type = 'x0'

  def __init__(self, controls=()):
    self.controls = controls

  def apply(self, variables, xt, t, tokens, m_0, **options):
    self.xt, self.tokens, self.options = xt, tokens, options
    return variables['params']


def test_losses_count_frames_from_the_past_to_the_boundary_alone(world, monkeypatch):
  stage, frozen, batch = cut_stage(world, monkeypatch, ('pose',), draws=1)
  network = Output(('pose',))
  stage = type(stage)(**{**vars(stage), 'networks': {'motion_transformer': network}})
  output = np.random.default_rng(0).standard_normal((2, 20, 256)).astype(np.float32)

  def loss(output):
    return stage.loss({'motion_transformer': output}, frozen, {}, batch, jax.random.key(1), 0)[0]

  slope = np.abs(jax.grad(loss)(jnp.asarray(output))).max(axis=-1)
  frames = np.arange(20)
  counted = (frames >= PAST[:, None]) & (frames < BOUNDARY[:, None])
  assert (slope[counted] > 0).all() and not slope[~counted].any()
  # What the network reads, outside of the gradient: clean motion in given frames, noise elsewhere, no later speech.
  loss(jnp.asarray(output))
  clean = world[0]['motion_codec'].apply(
    frozen.variables('motion_codec'), batch['motion'], method='encode_truth'
  )
  given = frames < PAST[:, None]
  np.testing.assert_array_equal(network.options['given'], given)
  np.testing.assert_allclose(network.xt[given], clean[given], atol=1e-5)
  assert (np.abs(network.xt - clean).max(axis=-1)[~given] > 1e-3).all()
  np.testing.assert_array_equal(network.options['valid'], frames < END[:, None])
  spoken = frames < END[:, None]
  assert not np.asarray(network.tokens)[~spoken].any() and np.asarray(network.tokens)[spoken].any()
  pose = np.abs(network.options['controls']['pose']).max(axis=-1)
  assert not pose[~spoken].any() and (pose[spoken] > 0).all()


def test_controls_are_added_to_a_network_that_has_none(world):
  modules, frozen = world
  given = {k: modules[k] for k in ('speech_encoder', 'motion_codec', 'motion_transformer')}
  config = config_of('motion', ['motion_transformer'])
  plain = base.build_stage(config, given)
  assert not plain.networks['motion_transformer'].controls and not plain.new_parts
  config.model.motion_transformer.controls = ('gaze', 'emotion')
  stage = base.build_stage(config, given)
  assert stage.networks['motion_transformer'].controls == ('gaze', 'emotion')
  weights, full = (
    jax.jit(lambda rng, s=s: nn.unbox(s.init(rng, frozen)))(jax.random.key(0))[0]['motion_transformer']
    for s in (plain, stage)
  )
  started = initial_weights.complete(stirred(weights), full, stage.new_parts['motion_transformer'])
  assert jax.tree.structure(started) == jax.tree.structure(full)
  # The controls that a network has stay, with their weights.
  given['motion_transformer'] = stage.networks['motion_transformer']
  config.model.motion_transformer.controls = ('pose', 'gaze')
  assert base.build_stage(config, given).networks['motion_transformer'].controls == (
    'gaze',
    'emotion',
    'pose',
  )
  own = stirred(full)
  kept = initial_weights.complete(own, full, stage.new_parts['motion_transformer'])
  jax.tree.map(np.testing.assert_array_equal, kept, own)
  config.model.motion_transformer.controls = ('mood',)
  with pytest.raises(ConfigError, match=r"controls has 'mood', which is unknown: use some of pose"):
    base.build_stage(config, given)


def test_a_past_makes_a_network_that_takes_one(world):
  given = {k: world[0][k] for k in ('speech_encoder', 'motion_codec', 'motion_transformer')}
  config = config_of('motion', ['motion_transformer'], past_rate=0.5)
  stage = base.build_stage(config, given)
  assert stage.networks['motion_transformer'].with_past
  assert stage.new_parts == {'motion_transformer': (PAST_PARAMETER,)}
  plain = base.build_stage(config_of('motion', ['motion_transformer']), given)
  assert not plain.networks['motion_transformer'].with_past and not plain.new_parts
  config.data = {'cached_samples': 64}
  base.build_stage(config, given)
  config.options.lookahead_rate = 0.5
  with pytest.raises(ConfigError, match='cached_samples'):
    base.build_stage(config, given)
