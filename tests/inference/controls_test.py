"""Motion controls: validation with one-line errors, entry in the clip specification, effect on the motion."""

import argparse
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sounds

from seetalk_jax.blendshapes import INDEX
from seetalk_jax.cli import controls as command
from seetalk_jax.cli import main
from seetalk_jax.constants import CONTROLS, EMOTIONS, MOTION_DIM, MOTION_FIELDS, POSE, TRUTH_KNOWN
from seetalk_jax.errors import CheckpointError, InputError
from seetalk_jax.inference import controls, loaded_release, motion_sampler, pipeline
from seetalk_jax.media import audio, driving, motion_files
from seetalk_jax.models.nn import blocks
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release


def no_style(_):
  raise AssertionError('no style was asked for')


def test_values_become_what_the_network_takes():
  given = {
    'pose': np.ones((7, 3)),
    'blink': np.linspace(0, 1, 7),
    'gaze': np.zeros((7, 2)),
    'emotion': 'sad',
    'style': np.ones(48),
  }
  resolved = controls.resolve(given, {'pose': 2}, CONTROLS, 7, no_style)
  shapes = {name: value.shape for name, value in resolved.values.items()}
  assert shapes == {
    'pose': (1, 7, 3),
    'blink': (1, 7, 1),
    'gaze': (1, 7, 2),
    'emotion': (1, 8),
    'style': (1, 48),
  }
  assert resolved.scales == {'pose': 2.0}
  other = controls.resolve({**given, 'emotion': 'happy'}, {'pose': 2}, CONTROLS, 7, no_style)
  differs = {key for key, value in resolved.to_json().items() if value != other.to_json()[key]}
  assert differs == {'control emotion'}
  read = controls.resolve(
    {'style': 'talk.mp4'}, None, CONTROLS, 7, lambda video: np.full((1, 48), len(video))
  )
  assert (read.values['style'] == 8).all()


@pytest.mark.parametrize(
  'given, shares',
  [
    ('happy', {'happy': 1.0}),
    (('happy', 1), {'happy': 1.0}),
    (('happy', 0.25), {'neutral': 0.75, 'happy': 0.25}),
    (['happy', 0.0], {'neutral': 1.0}),
    (('neutral', 0.3), {'neutral': 1.0}),
  ],
)
def test_an_emotion_has_an_intensity(given, shares):
  values = controls.resolve({'emotion': given}, None, CONTROLS, 7, no_style).values
  found = {name: share for name, share in zip(EMOTIONS, values['emotion'][0], strict=True) if share}
  assert found == pytest.approx(shares) and values['emotion'].dtype == np.float32


@pytest.mark.parametrize(
  'given, scales, message',
  [
    ({'pose': np.ones((6, 3))}, None, r'pose of shape \(6, 3\).*7 frames.*\[7, 3\]'),
    ({'blink': np.full(7, np.nan)}, None, 'blink holds NaN'),
    ({'emotion': 'bored'}, None, "unknown emotion 'bored'.*neutral, happy"),
    ({'emotion': ('happy', 1.5)}, None, 'intensity of the emotion 1.5, argument controls: .* from 0 to 1'),
    ({'emotion': ('happy', 'very')}, None, "intensity of the emotion 'very'"),
    ({'emotion': ('happy', 0.5, 1)}, None, 'unknown emotion'),
    ({'emotion': np.zeros(8)}, None, 'unknown emotion'),
    ({'gaze': np.zeros((7, 3))}, None, r'gaze of shape \(7, 3\).*\[7, 2\]'),
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
  """The tiny release with a motion transformer that has all controls."""
  whole = tiny_release.load(tiny_release.shared())
  networks = storage.load_networks(whole.checkpoint)
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
  return pipeline.SeeTalk(loaded_release.LoadedRelease(networks, whole.checkpoint, whole.device))


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
  styled = pipe(speech, seed=0, controls={'style': tmp_path / 'talk.mp4', 'emotion': ('happy', 0.5)})
  assert np.isfinite(styled.motion).all() and np.abs(styled.motion - plain.motion).max() > 1e-4


def test_a_checkpoint_without_controls_says_so(pipe):
  bare = tiny_release.load(tiny_release.shared())
  with pytest.raises(InputError, match="no control 'emotion' in this checkpoint.*it has none"):
    bare(tone(), controls={'emotion': 'happy'})


def command_line(*argv):
  parser = argparse.ArgumentParser()
  command.add_arguments(parser)
  parser.add_argument('--list')
  return parser.parse_args([str(arg) for arg in argv])


def test_tracks_are_read_from_arrays_and_text(tmp_path):
  pose = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
  np.save(tmp_path / 'pose.npy', pose)
  np.save(tmp_path / 'gaze.npy', pose[:, :2])
  (tmp_path / 'blink.csv').write_text('0\n0.5\n1\n\n')
  (tmp_path / 'pose.txt').write_text('\n'.join(', '.join(map(str, row)) for row in pose))
  args = command_line(
    '--pose', tmp_path / 'pose.npy', '--blink', tmp_path / 'blink.csv',
    '--gaze', tmp_path / 'gaze.npy', '--control-scale', 'pose=2.5', '--emotion', 'sad',
  )  # fmt: skip
  read = command.read(args)
  np.testing.assert_array_equal(read['controls']['pose'], pose)
  np.testing.assert_array_equal(read['controls']['blink'], [[0], [0.5], [1]])
  np.testing.assert_array_equal(read['controls']['gaze'], pose[:, :2])
  assert read['controls']['emotion'] == ('sad', 1.0) and read['control_scales'] == {'pose': 2.5}
  text = command.read(command_line('--pose', tmp_path / 'pose.txt'))['controls']['pose']
  np.testing.assert_allclose(text, pose, rtol=1e-6)
  assert command.has_controls(args) and not command.has_controls(command_line())
  assert command.read(command_line()) == {'controls': {}, 'control_scales': {}}


def test_tracks_are_read_from_motion_files(tmp_path):
  motion = np.zeros((4, MOTION_DIM), np.float32)
  motion[:, POSE] = np.random.default_rng(0).uniform(-0.3, 0.3, (4, 3))
  motion[:, INDEX['eyeBlinkLeft']], motion[:, INDEX['eyeBlinkRight']] = [0, 0.5, 1, 0], [0, 0.3, 1, 0]
  motion[:2, INDEX['eyeLookOutLeft']] = motion[:2, INDEX['eyeLookInRight']] = 0.5  # to the person's left
  motion[2:, INDEX['eyeLookDownLeft']] = motion[2:, INDEX['eyeLookDownRight']] = 0.8
  path = tmp_path / 'take.csv'
  path.write_text(motion_files.to_csv(motion))
  read = command.read(command_line('--pose', path, '--blink', path, '--gaze', path))['controls']
  np.testing.assert_allclose(read['gaze'], [[0.5, 0], [0.5, 0], [0, -0.8], [0, -0.8]], atol=1e-6)
  np.testing.assert_allclose(read['pose'], motion[:, POSE], atol=1e-6)
  np.testing.assert_allclose(read['blink'], [[0], [0.4], [1], [0]], atol=1e-6)
  path.write_text('Timecode,BlendShapeCount\n')
  with pytest.raises(InputError, match='not a motion file'):
    command.read(command_line('--pose', path))


@pytest.mark.parametrize(
  'content, argv, match',
  [
    ('0.1 0.2 0.3', ['--pose', 'none.csv'], 'no such file, none.csv'),
    ('yaw pitch roll', ['--pose', 'track.csv'], 'not a table of numbers, track.csv'),
    ('1 2 3\n4 5', ['--pose', 'track.csv'], 'not a table of numbers, track.csv'),
    ('1 2', ['--pose', 'track.csv'], r'shape \(1, 2\), track.csv: --pose takes 3 in a row'),
    ('', ['--blink', 'track.csv'], 'track.csv'),
    ('1 2 3', ['--gaze', 'track.csv'], r'shape \(1, 3\), track.csv: --gaze takes 2 in a row'),
    ('1 2', ['--gaze', 'track.csv', '--list', 'files.txt'], '--gaze fits one recording'),
    ('1 2 3', ['--pose', 'track.csv', '--list', 'files.txt'], '--pose fits one recording'),
    ('1', ['--control-scale', 'style=2'], '--control-scale style without --style'),
    ('1', ['--style', 'nobody.mp4'], 'no such file, nobody.mp4'),
  ],
)
def test_bad_tracks_are_refused_in_a_line(tmp_path, monkeypatch, content, argv, match):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'track.csv').write_text(content)
  with pytest.raises(InputError, match=match):
    args = command_line(*argv)
    command.read(args, several=args.list is not None)


def test_a_scale_is_a_name_and_a_number(capsys):
  for text in ('pose', 'mood=2', 'pose=much', 'pose=-1'):
    with pytest.raises(SystemExit):
      command_line('--control-scale', text)
  assert 'not NAME=SCALE' in capsys.readouterr().err


def test_an_emotion_is_a_name_and_an_intensity(capsys):
  assert command_line('--emotion', 'happy=0.5').emotion == ('happy', 0.5)
  assert command_line('--emotion', 'neutral').emotion == ('neutral', 1.0)
  for text in ('bored', 'bored=1', '=1', '', '0.5'):
    with pytest.raises(SystemExit):
      command_line('--emotion', text)
    assert 'is not NAME or NAME=INTENSITY with one of neutral, happy' in capsys.readouterr().err
  for text in ('happy=', 'happy=much', 'happy=1.1', 'happy=-1', 'happy=nan'):
    with pytest.raises(SystemExit):
      command_line('--emotion', text)
    assert 'argument --emotion' in capsys.readouterr().err


@pytest.mark.slow
def test_a_video_is_steered_from_the_command_line(pipe, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(pipeline.SeeTalk, 'load', lambda *_, **__: pipe)
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile(tmp_path / 'speech.wav', sounds.tone(0.4, 16_000, 1), 16_000)
  np.save('pose.npy', np.full((10, 3), 0.4))
  common = ['generate', 'speech.wav', '--checkpoint', pipe.checkpoint, '--json', '--device', 'cpu', '-o']
  assert main.main([*common, 'plain.mp4']) == 0
  assert main.main([*common, 'turned.mp4', '--pose', 'pose.npy', '--control-scale', 'pose=2']) == 0
  plain, turned = (json.loads(line) for line in capsys.readouterr().out.splitlines())
  assert plain['frames'] == turned['frames'] == 10 and plain['job'] != turned['job']
  np.save('pose.npy', np.zeros((9, 3)))
  assert main.main([*common, 'short.mp4', '--pose', 'pose.npy']) == 2
  said = capsys.readouterr().err
  assert '10 frames' in said and said.count('\n') == 1 and not (tmp_path / 'short.mp4').exists()


# ---- controls read from motion latents, and back ---------------------------------------------------


def test_controls_of_motion_are_those_of_the_codec(pipe):
  motion = np.random.default_rng(0).standard_normal((5, 256)).astype(np.float32)
  codec, variables = pipe.networks.modules['motion_codec'], pipe.networks.variables('motion_codec')
  found = pipe.controls_of(motion)
  assert tuple(found) == MOTION_FIELDS
  expected = codec.apply(variables, motion, method='read_truth')
  np.testing.assert_allclose(np.stack(list(found.values()), axis=1), expected, atol=1e-5)
  found['yaw'] += 0.2  # arrays of the caller
  found['eyeBlinkLeft'][:] = 0
  track = np.stack(list(found.values()), axis=1)
  made = pipe.motion_of(found)
  assert made.shape == (5, 256) and made.dtype == np.float32
  np.testing.assert_allclose(made, codec.apply(variables, track, method='encode_truth'), atol=1e-5)


def test_controls_need_a_codec_with_a_trained_truth_encoder(pipe):
  networks = dataclasses.replace(
    pipe.networks, statistics={**pipe.networks.statistics, TRUTH_KNOWN: np.float32(0)}
  )
  sampler = motion_sampler.MotionSampler(
    loaded_release.LoadedRelease(networks, 'mine', jax.devices('cpu')[0])
  )
  for call in (lambda: sampler.motion_of({'jawOpen': 0.5}), lambda: sampler.controls_of(np.zeros((2, 256)))):
    with pytest.raises(CheckpointError, match='trained without motion vectors') as error:
      call()
    assert '\n' not in str(error.value)


def test_absent_controls_are_neutral_and_numbers_are_for_all_frames(pipe):
  yaw = np.linspace(-0.3, 0.3, 4)
  np.testing.assert_array_equal(
    pipe.motion_of({'yaw': yaw, 'jawOpen': 0.5}),
    pipe.motion_of({**dict.fromkeys(MOTION_FIELDS, np.zeros(4)), 'yaw': yaw, 'jawOpen': np.full(4, 0.5)}),
  )
  assert pipe.motion_of({'jawOpen': 1}).shape == (1, 256)
  assert pipe.motion_of({'jawOpen': [1.0]}).shape == (1, 256)


@pytest.mark.parametrize(
  'controls, message',
  [
    ({'pose': np.zeros(3)}, "no control 'pose'.*yaw"),
    ({'jaw': np.zeros(3)}, "no control 'jaw'.*jawOpen"),
    ({'yaw': np.zeros(3), 'jawOpen': np.zeros(4)}, 'yaw 3, jawOpen 4'),
    ({'yaw': [np.nan]}, 'finite'),
    ({'yaw': np.zeros((3, 2))}, r'shape \(3, 2\)'),
    ({'yaw': 'left'}, 'no array of numbers'),
    ({'yaw': np.zeros(0)}, 'no length'),
    ({}, 'no control'),
    (np.zeros((3, 20)), 'controls are a ndarray.*field -> values'),
  ],
)
def test_controls_that_make_no_motion(pipe, controls, message):
  with pytest.raises(InputError, match=message) as caught:
    pipe.motion_of(controls)
  assert '\n' not in str(caught.value)


def test_motion_without_controls(pipe):
  for wrong in (np.zeros((3, 7)), np.full((3, 256), np.nan), 'dance.npy', np.zeros(256)):
    with pytest.raises(InputError, match='argument motion'):
      pipe.controls_of(wrong)


@pytest.mark.slow
def test_controls_of_the_demo_weights_survive_the_way_back():
  demo = pipeline.load('demo')
  t = np.arange(50) / 25
  wanted = {'yaw': 0.2 * np.sin(2 * t), 'pitch': 0.1 * np.cos(3 * t), 'jawOpen': 0.5 + 0.4 * np.sin(9 * t)}
  found = demo.controls_of(demo.motion_of({**wanted, 'eyeBlinkLeft': 0, 'eyeBlinkRight': 0}))
  for name, values in wanted.items():
    assert np.corrcoef(found[name], values)[0, 1] > 0.9
  assert np.abs(found['eyeBlinkLeft']).max() < 0.2


def test_a_motion_file_drives_a_portrait(pipe, tmp_path):
  track = np.zeros((6, MOTION_DIM), np.float32)
  track[:, POSE], track[:, INDEX['jawOpen']] = 0.1, np.linspace(0, 0.6, 6)
  path = tmp_path / 'take.csv'
  path.write_text(motion_files.to_csv(track))
  portrait = np.full((64, 64, 3), 90, np.uint8)
  absolute = pipe.reenact(portrait, path, relative=False)
  wanted = pipe.motion_of({name: track[:, i] for i, name in enumerate(MOTION_FIELDS)})
  np.testing.assert_allclose(absolute.motion, wanted, atol=1e-4)
  relative = pipe.reenact(portrait, driving.open_driving(path))
  np.testing.assert_allclose(relative.motion - relative.motion[:1], wanted - wanted[:1], atol=1e-4)
  assert len(absolute) == 6 and absolute.sound is None
  path.write_text(motion_files.to_csv(0.5 * track))
  assert pipe.reenactment_plan(portrait, driving.open_driving(path), relative=False) != absolute.spec
  path.write_text('Timecode,other')
  with pytest.raises(InputError, match='not a motion file'):
    pipe.reenact(portrait, path)
