"""What a user asks of a motion track: checked in one line, part of the plan, and followed."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_release

from seetalk_jax import controls, loaded, pipeline, released
from seetalk_jax.errors import InputError
from seetalk_jax.media import audio
from seetalk_jax.models import blocks
from seetalk_jax.models.motion_controls import CONTROLS, EMOTIONS


def no_style(_):
  raise AssertionError('no style was asked for')


def test_values_become_what_the_network_takes():
  given = {'pose': np.ones((7, 3)), 'blink': np.linspace(0, 1, 7), 'emotion': 'sad', 'style': np.ones(48)}
  asked = controls.resolve(given, {'pose': 2}, CONTROLS, 7, no_style)
  shapes = {name: value.shape for name, value in asked.values.items()}
  assert shapes == {'pose': (1, 7, 3), 'blink': (1, 7, 1), 'emotion': (1,), 'style': (1, 48)}
  assert asked.values['emotion'][0] == EMOTIONS.index('sad') and asked.scales == {'pose': 2.0}
  other = controls.resolve({**given, 'emotion': 'happy'}, {'pose': 2}, CONTROLS, 7, no_style)
  differs = {key for key in asked.plan() if asked.plan()[key] != other.plan()[key]}
  assert differs == {'control emotion'}
  read = controls.resolve(
    {'style': 'talk.mp4'}, None, CONTROLS, 7, lambda video: np.full((1, 48), len(video))
  )
  assert (read.values['style'] == 8).all()


@pytest.mark.parametrize(
  'given, scales, message',
  [
    ({'pose': np.ones((6, 3))}, None, r'pose of shape \(6, 3\).*7 frames.*\[7, 3\]'),
    ({'blink': np.full(7, np.nan)}, None, 'blink holds NaN'),
    ({'emotion': 'bored'}, None, "unknown emotion 'bored'.*neutral, happy"),
    ({'mood': 1}, None, "no control 'mood' in this checkpoint.*it has pose"),
    ({'pose': 'track.csv'}, None, 'pose is a path'),
    ({}, {'pose': 2.0}, "a scale for control 'pose'"),
  ],
)
def test_mistakes_are_one_line(given, scales, message):
  with pytest.raises(InputError, match=message) as caught:
    controls.resolve(given, scales, CONTROLS, 7, no_style)
  assert '\n' not in str(caught.value)


@pytest.fixture(scope='module')
def pipe():
  """The tiny release with a motion transformer that listens to everything."""
  whole = tiny_release.load(tiny_release.shared())
  networks = released.load_networks(whole.checkpoint)
  transformer = networks.modules['motion_transformer'].clone(controls=CONTROLS)
  d, e = transformer.motion_dim, transformer.token_dim
  inputs = jnp.zeros((1, 4, d)), jnp.zeros(1), jnp.zeros((1, 4, e)), jnp.zeros((1, d))
  params = blocks.init_params(transformer, jax.random.key(0), *inputs, drop=jnp.zeros(1, bool))
  rng = np.random.default_rng(0)
  params = jax.tree.map(lambda a: a + 0.05 * rng.standard_normal(a.shape).astype(np.float32), params)
  modules = {**networks.modules, 'motion_transformer': transformer}
  networks = dataclasses.replace(
    networks, modules=modules, params={**networks.params, 'motion_transformer': params}
  )
  return pipeline.SeeTalk(loaded.Loaded(networks, whole.checkpoint, whole.device))


def tone():
  return audio.speech_from_array(0.1 * np.sin(np.arange(8000) * 0.1).astype(np.float32))


@pytest.mark.slow
def test_a_clip_follows_what_is_asked(pipe, tmp_path):
  speech = tone()
  plain = pipe(speech, seed=0)
  n = plain.num_frames
  turned = pipe(speech, seed=0, controls={'pose': np.full((n, 3), 0.3)})
  assert np.abs(turned.motion - plain.motion).max() > 1e-4
  np.testing.assert_array_equal(turned.portrait, plain.portrait)
  strong = pipe(speech, seed=0, controls={'pose': np.full((n, 3), 0.3)}, control_scales={'pose': 3.0})
  assert np.abs(strong.motion - turned.motion).max() > 1e-4
  assert len({clip.record['job'] for clip in (plain, turned, strong)}) == 3
  plain.save(tmp_path / 'talk.mp4')
  styled = pipe(speech, seed=0, controls={'style': tmp_path / 'talk.mp4', 'emotion': 'happy'})
  assert np.isfinite(styled.motion).all() and np.abs(styled.motion - plain.motion).max() > 1e-4


def test_a_checkpoint_without_controls_says_so(pipe):
  bare = tiny_release.load(tiny_release.shared())
  with pytest.raises(InputError, match="no control 'emotion' in this checkpoint.*it has none"):
    bare(tone(), controls={'emotion': 'happy'})
