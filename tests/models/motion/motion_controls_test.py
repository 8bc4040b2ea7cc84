"""Motion transformer controls: no effect at initialization or when dropped, otherwise on their own frames."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import programs
import pytest

from seetalk_jax.blendshapes import INDEX
from seetalk_jax.constants import BLINK, CONTROL_TRACKS, CONTROLS, EMOTIONS, MOTION_DIM, POSE
from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_controls import style_code
from seetalk_jax.models.motion.motion_transformer import MotionTransformer
from seetalk_jax.stages import base
from seetalk_jax.stages.motion import build
from seetalk_jax.stages.motion_conditions import controls_of

B, N, D = 3, 24, 16
TRACKS = tuple(CONTROL_TRACKS)


@pytest.fixture(scope='module')
def network():
  """(module, params without zeros, the same params with freshly initialized controls)."""
  module = MotionTransformer(D, 32, 32, 2, 1, with_past=False)
  fresh = jax.device_get(nn.unbox(jax.jit(module.init)(jax.random.key(0), *inputs()))['params'])
  rng = np.random.default_rng(1)
  params = jax.tree.map(lambda p: p + 0.1 * rng.standard_normal(p.shape).astype(p.dtype), fresh)
  return module, params, {**params, 'controls_in': fresh['controls_in']}


def inputs():
  rng = np.random.default_rng(0)
  arrays = rng.standard_normal((B, N, D)), [10.0, 500.0, 900.0], rng.standard_normal((B, N, 32))
  return [np.asarray(a, np.float32) for a in (*arrays, rng.standard_normal((B, D)))]


def controls(seed=1):
  rng = np.random.default_rng(seed)
  found = {
    'pose': 0.2 * rng.standard_normal((B, N, 3)),
    'blink': rng.uniform(0, 1, (B, N, 1)),
    'gaze': rng.uniform(-1, 1, (B, N, 2)),
    'emotion': rng.dirichlet(np.ones(len(EMOTIONS)), B),
    'style': rng.standard_normal((B, 3 * D)),
  }
  return {name: np.asarray(value, np.float32) for name, value in found.items()}


def run(network, params, **options):
  return programs.apply(network, {'params': params}, *inputs(), **options)


def test_a_network_that_learns_controls_late_begins_as_it_was(network):
  module, _, fresh = network
  plain = MotionTransformer(D, 32, 32, 2, 1, controls=(), with_past=False)
  without = {name: tree for name, tree in fresh.items() if name != 'controls_in'}
  wanted = run(plain, without)
  np.testing.assert_array_equal(run(module, fresh, controls=controls()), wanted)
  assert np.std(wanted) > 0.01


@pytest.mark.parametrize('name', CONTROLS)
def test_a_dropped_control_is_one_that_is_not_given(network, name):
  module, params, _ = network
  others = {key: value for key, value in controls().items() if key != name}
  absent = run(module, params, controls=others)
  there = run(module, params, controls=controls())
  assert np.abs(there - absent).max() > 1e-3
  drop = {name: np.array([True, False, True])}
  mixed = run(module, params, controls=controls(), drop_controls=drop)
  for i, wanted in enumerate((absent, there, absent)):
    np.testing.assert_allclose(mixed[i], wanted[i], atol=1e-5)


@pytest.mark.parametrize('track', TRACKS)
def test_tracks_act_on_the_frames_that_they_name(network, track):
  """Through the controls alone, a frame affects 3 frames on either side."""
  from seetalk_jax.models.motion.motion_controls import MotionControls

  _, params, _ = network
  part = MotionControls(TRACKS, 32, D)
  own = {key: value for key, value in params['controls_in'].items() if key.startswith(TRACKS)}
  given = {name: controls()[name] for name in TRACKS}
  moved = {**given, track: given[track].copy()}
  moved[track][:, 10] += 1.0
  run = jax.jit(lambda given: part.apply({'params': own}, (B, N), given, {})[0])
  before, after = map(np.asarray, (run(given), run(moved)))
  changed = np.any(np.abs(after - before) > 1e-6, axis=(0, 2))
  assert changed[7:14].all() and not changed[:7].any() and not changed[14:].any()


def shares(emotion, intensity):
  """Shares `[b, 8]` of an emotion."""
  found = np.zeros((B, len(EMOTIONS)), np.float32)
  found[:, 0] += 1 - intensity
  found[:, EMOTIONS.index(emotion)] += intensity
  return found


def test_an_emotion_lies_between_neutral_and_its_label(network):
  _, params, _ = network
  from seetalk_jax.models.motion.motion_controls import MotionControls

  part = MotionControls(('emotion',), 32, D)
  own = {'params': {'emotion_table': params['controls_in']['emotion_table']}}
  of_clip = lambda *emotion: part.apply(own, (B, N), {'emotion': shares(*emotion)}, {})[1]
  neutral, happy = of_clip('neutral', 1.0), of_clip('happy', 1.0)
  np.testing.assert_array_equal(of_clip('happy', 0.0), neutral)
  np.testing.assert_array_equal(of_clip('sad', 0.0), neutral)
  assert np.abs(happy - neutral).max() > 0.05 and np.abs(happy - of_clip('sad', 1.0)).max() > 0.05
  np.testing.assert_allclose(of_clip('happy', 0.25), 0.75 * neutral + 0.25 * happy, atol=1e-6)


def test_style_is_of_the_clip_and_not_of_its_order():
  rng = np.random.default_rng(2)
  track = rng.standard_normal((2, 30, D)).astype(np.float32)
  code = np.asarray(jax.jit(style_code)(track))
  assert code.shape == (2, 3 * D)
  np.testing.assert_allclose(code[:, :D], track.mean(1), atol=1e-5)
  np.testing.assert_allclose(code[:, D : 2 * D], track.std(1), atol=1e-3)
  np.testing.assert_allclose(jax.jit(style_code)(track[:, ::-1]), code, atol=1e-5)
  padded = np.concatenate([track, 9 + np.zeros((2, 7, D), np.float32)], axis=1)
  valid = np.arange(37)[None] < 30 + np.zeros((2, 1))
  np.testing.assert_allclose(jax.jit(style_code)(padded, valid), code, atol=1e-5)
  np.testing.assert_allclose(jax.jit(style_code)(2 * track)[:, D:], 2 * code[:, D:], rtol=1e-3)


def test_mistakes_are_named(network):
  module, params, _ = network
  with pytest.raises(ValueError, match=r'control pose has shape \(3, 24, 2\), expected \(3, 24, 3\)'):
    run(module, params, controls={'pose': jnp.zeros((B, N, 2))})
  with pytest.raises(ValueError, match=r'control gaze has shape \(3, 24, 3\), expected \(3, 24, 2\)'):
    run(module, params, controls={'gaze': jnp.zeros((B, N, 3))})
  with pytest.raises(ValueError, match=r'control emotion has shape \(3,\), expected \(3, 8\)'):
    run(module, params, controls={'emotion': jnp.zeros(B, jnp.int32)})
  plain = MotionTransformer(D, 32, 32, 2, 1, controls=(), with_past=False)
  with pytest.raises(ValueError, match="control 'pose' is none of this network, which has none"):
    jax.eval_shape(lambda: plain.init(jax.random.key(0), *inputs(), controls={'pose': np.zeros((B, N, 3))}))
  with pytest.raises(ValueError, match="unknown control 'mood'"):
    wrong = MotionTransformer(D, 32, 32, 2, 1, controls=('mood',), with_past=False)
    jax.eval_shape(lambda: wrong.init(jax.random.key(0), *inputs()))


def stage_config(controls, **options):
  return ml_collections.ConfigDict(
    {
      'stage': 'motion',
      'model': {
        'motion_transformer': registry.fields_for('motion_transformer', 'tiny') | {'controls': controls},
        'motion_codec': registry.fields_for('motion_codec', 'tiny'),
        'speech_encoder': registry.fields_for('speech_encoder', 'tiny'),
      },
      'options': {'num_frames': 12, 'control_drop_rate': 0.0, 'no_controls_rate': 0.0, **options},
      'init': {},
      'dtype': 'float32',
    }
  )


def controls_for(stage, batch, style, **options):
  names = stage.networks['motion_transformer'].controls
  options = {
    'draws': stage.draws,
    'drop_rate': 0.0,
    'none_rate': 0.0,
    'noise': stage.control_noise,
    **options,
  }
  return controls_of(names, batch, style, jax.random.key(0), **options)


def test_controls_of_frames_come_from_their_motion_and_are_dropped_where_it_is_absent():
  stage = build(stage_config((*TRACKS, 'style'), motion_source='frames', control_noise=0.0), {})
  spec = stage.batch_spec(3)
  assert spec['motion'].shape == (3, 12, MOTION_DIM) and spec['motion_weight'].shape == (3, MOTION_DIM)
  batch = base.fake_batch(spec)
  batch['motion_weight'] = np.ones((3, MOTION_DIM), np.float32)
  batch['motion_weight'][0] = 0.0
  batch['motion_weight'][1, BLINK] = 0.0
  batch['motion_weight'][2, INDEX['eyeLookUpLeft']] = 0.0
  batch['style_length'] = np.array([12, 0, 12], np.int32)
  controls, drop = controls_for(stage, batch, jnp.zeros((3, 768)))
  assert {name: mask.tolist() for name, mask in drop.items()} == {
    'pose': [True, True, False, False, False, False],
    'blink': [True, True, True, True, False, False],
    'gaze': [True, True, False, False, True, True],
    'style': [False, False, True, True, False, False],
  }
  np.testing.assert_array_equal(controls['pose'], np.repeat(batch['motion'][..., POSE], 2, axis=0))
  motion = np.zeros((3, 12, MOTION_DIM), np.float32)
  motion[0, :, [INDEX['eyeLookOutLeft'], INDEX['eyeLookInRight'], INDEX['eyeLookUpLeft']]] = (
    0.6  # left and up
  )
  motion[1, :, [INDEX['eyeLookInLeft'], INDEX['eyeLookOutRight'], INDEX['eyeLookDownLeft']]] = 0.6
  gaze = controls_for(stage, {**batch, 'motion': motion}, jnp.zeros((3, 768)))[0]['gaze']
  np.testing.assert_allclose(gaze[::2, 0], [[0.6, 0.3], [-0.6, -0.3], [0, 0]], atol=1e-6)
  # Without such controls, the stage needs no motion.
  assert 'motion' not in build(stage_config(('style',), motion_source='frames'), {}).batch_spec(3)


@pytest.mark.parametrize('source', ['truth', 'frames'])
def test_emotions_are_those_of_labels_and_are_dropped_where_there_is_none(source):
  stage = build(stage_config(('emotion',), motion_source=source), {})
  spec = stage.batch_spec(3)
  assert spec['emotion'].shape == (3, len(EMOTIONS)) and ('motion' in spec) == (source == 'truth')
  batch = base.fake_batch(spec)
  batch['emotion'] = shares('sad', 0.4)
  batch['emotion'][1] = 0.0
  controls, drop = controls_for(stage, batch, None)
  assert drop['emotion'].tolist() == [False, False, True, True, False, False]
  np.testing.assert_array_equal(controls['emotion'], np.repeat(batch['emotion'], 2, axis=0))
  # Without this control, the stage needs no labels.
  assert 'emotion' not in build(stage_config(TRACKS, motion_source=source), {}).batch_spec(3)


def test_controls_are_dropped_one_by_one_and_all_together():
  stage = build(stage_config(TRACKS), {})
  batch = {'motion': np.zeros((2, 1, MOTION_DIM), np.float32)}
  dropped = lambda **rates: np.stack(list(controls_for(stage, batch, None, draws=2000, **rates)[1].values()))
  apart = dropped(drop_rate=0.5)  # 4000 tracks: a standard deviation is 0.008
  assert apart.mean(axis=1) == pytest.approx([0.5] * 3, abs=0.04)
  assert apart.all(axis=0).mean() == pytest.approx(0.125, abs=0.03)
  together = dropped(none_rate=0.2)
  assert together.mean() == pytest.approx(0.2, abs=0.03) and (together == together[0]).all()
  both = dropped(drop_rate=0.5, none_rate=0.2)
  assert both.all(axis=0).mean() == pytest.approx(0.2 + 0.8 * 0.125, abs=0.03)


@pytest.mark.slow
def test_the_stage_teaches_controls():
  from seetalk_jax.models.nn import blocks

  stage = build(stage_config(CONTROLS), {})
  picture = jnp.zeros((1, 64, 64, 3))
  frozen = base.Frozen(
    params={
      'motion_codec': blocks.init_params(
        registry.make('motion_codec', 'tiny'), jax.random.key(0), picture, picture
      ),
      'speech_encoder': blocks.init_params(
        registry.make('speech_encoder', 'tiny'), jax.random.key(1), jnp.zeros((1, 16_000))
      ),
    },
    statistics={'motion_transformer': {'motion_mean': jnp.zeros(256), 'motion_std': jnp.ones(256)}},
  )
  params, collections = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(2))
  batch = base.fake_batch(stage.batch_spec(2)) | {'emotion': shares('angry', 0.7)[:2]}
  loss = jax.jit(
    jax.value_and_grad(lambda p: stage.loss(p, frozen, collections, batch, jax.random.key(3), 0)[0])
  )
  # Zero-initialized layers would block all gradients behind them.
  value, gradient = loss(jax.tree.map(lambda p: p + 0.1, params))
  assert jnp.isfinite(value)
  own = gradient['motion_transformer']['controls_in']
  for name, leaf in (('pose_out', 'kernel'), ('blink_out', 'kernel'), ('gaze_out', 'kernel')):
    assert jnp.any(own[name][leaf])
  table = np.abs(own['emotion_table']).max(axis=1)
  assert [EMOTIONS[i] for i in np.flatnonzero(table)] == ['neutral', 'angry']
