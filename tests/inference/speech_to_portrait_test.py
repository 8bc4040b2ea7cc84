"""Speech to portrait (stage 1): its release alone gives the faces of the full pipeline; options, errors."""

import json

import jax
import numpy as np
import pytest
import sounds

import seetalk_jax
from seetalk_jax.errors import CheckpointError, InputError, SpeechError
from seetalk_jax.inference import speech_to_portrait
from seetalk_jax.media import audio
from seetalk_jax.testing import tiny_release

SIDE = tiny_release.SIDE
STAGE_1 = ('speech_encoder', 'autoencoder', 'portrait_unet', 'sample_adaptive_weighting')


def speech():
  return audio.speech_from_array(sounds.tone(0.5, hz=220.0))


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  return tiny_release.make(tmp_path_factory.mktemp('stage1') / 'release', STAGE_1)


@pytest.fixture(scope='module')
def stage1(release):
  return seetalk_jax.SpeechToPortrait.load(release, cache=False)


def test_a_release_of_stage_1_gives_the_faces_of_the_whole(stage1):
  whole = tiny_release.load(tiny_release.shared())
  faces = stage1(speech(), num=2, seed=3)
  assert faces.shape == (2, SIDE, SIDE, 3) and faces.dtype == np.uint8
  assert faces.std() > 1 and (faces[0] != faces[1]).any()
  np.testing.assert_array_equal(whole.portrait(speech(), num=2, seed=3), faces)
  np.testing.assert_array_equal(whole(speech(), seed=3, face=1).portrait, faces[1])
  np.testing.assert_array_equal(stage1(speech(), num=1, seed=3)[0], faces[0])


def test_only_its_own_networks_are_read():
  lean = seetalk_jax.SpeechToPortrait.load(tiny_release.shared(), cache=False)
  assert set(lean.networks.params) == set(STAGE_1)


def test_weighting_is_optional_and_the_others_are_not(tmp_path):
  plain = seetalk_jax.SpeechToPortrait.load(
    tiny_release.make(tmp_path / 'plain', ('speech_encoder', 'autoencoder', 'portrait_unet')), cache=False
  )
  assert plain(speech()).shape == (1, SIDE, SIDE, 3)
  with pytest.raises(CheckpointError, match='holds no portrait_unet'):
    seetalk_jax.SpeechToPortrait.load(tiny_release.make(tmp_path / 'less', ('speech_encoder', 'autoencoder')))


def test_previews_end_with_the_faces(stage1):
  faces, previews = stage1(speech(), num=2, seed=0, steps=4, previews=3)
  assert faces.shape == (2, SIDE, SIDE, 3)
  assert previews.shape == (2, 3, SIDE, SIDE, 3) and previews.dtype == np.uint8
  np.testing.assert_array_equal(previews[:, -1], faces)
  assert (previews[:, 0] != faces).any()
  without = stage1(speech(), num=2, seed=0, steps=4)
  assert np.abs(faces.astype(int) - without).max() <= 1


def test_options_change_the_faces(stage1):
  plain = stage1(speech(), seed=0)
  for options in ({'steps': 4}, {'guidance_scale': 1.0}, {'sampler': 'heun', 'spacing': 'karras'}):
    assert (stage1(speech(), seed=0, **options) != plain).any(), options
  np.testing.assert_array_equal(stage1(speech(), sampler='dpmpp_2m', spacing='trailing'), plain)


def test_compiling_starts_before_the_speech_is_heard(release):
  stage1 = seetalk_jax.SpeechToPortrait.load(release, cache=False)
  stage1.prepare()
  (compiled,) = stage1._samplers.values()
  assert compiled.started
  reports = []
  faces = stage1(speech(), num=2, progress=lambda *what: reports.append(what), stage_seconds=(spent := {}))
  assert list(stage1._samplers.values()) == [compiled] and compiled._jitted._cache_size() == 0
  assert reports == [
    (name, done, total) for name, total in (('speech', 1), ('portrait', 2)) for done in _steps(total)
  ]
  assert set(spent) == {'speech', 'portrait'} and len(faces) == 2


def _steps(total):
  return (0, 1) if total == 1 else (0, 1, 2, 2)  # one call per face, and one at the end of the stage


def test_long_speech_is_heard_in_windows(stage1):
  tokens = np.random.default_rng(0).standard_normal((1, 400, 32)).astype(np.float32)
  voice = stage1.voice(tokens)
  assert voice.tokens.shape == (1, speech_to_portrait.VOICE_TOKENS, 32) and bool(np.all(voice.valid))
  np.testing.assert_allclose(np.linalg.norm(voice.embedding), 1, rtol=1e-5)
  voice = stage1.voice(tokens[:, :10])
  assert voice.tokens.shape == (1, speech_to_portrait.VOICE_TOKENS, 32) and int(np.sum(voice.valid)) == 10


def test_mistakes_are_told_in_one_line(stage1):
  with pytest.raises(SpeechError, match='silence'):
    stage1(np.zeros(16_000, np.float32))
  mistakes = {
    'num': {'num': 0},
    'steps': {'steps': 1001},
    'sampler': {'sampler': 'euler'},
    'spacing': {'spacing': 'even'},
    'previews': {'steps': 3, 'previews': 4},
  }
  for name, options in mistakes.items():
    with pytest.raises(InputError, match=f'argument {name}'):
      stage1(speech(), **options)


def test_autoguidance_needs_a_prior_with_directions(tmp_path):
  """A release may set options that its networks do not support: a one-line error before compilation."""
  sampling = {**tiny_release.SAMPLING, 'portrait_autoguidance': 1.6}
  asking = tiny_release.make(
    tmp_path / 'asking', (*STAGE_1, 'motion_codec', 'motion_transformer'), sampling=sampling
  )
  message = r'portrait_autoguidance 1\.6 .*seetalk\.json: set portrait_autoguidance to 1'
  whole = tiny_release.load(str(asking))
  for call in (seetalk_jax.SpeechToPortrait.load(asking, cache=False), whole.portrait, whole):
    with pytest.raises(CheckpointError, match=message):
      call(speech())
  # The remedy in the message works.
  index = asking / 'seetalk.json'
  info = json.loads(index.read_text())
  info['sampling']['portrait_autoguidance'] = 1
  index.write_text(json.dumps(info))
  assert seetalk_jax.SpeechToPortrait.load(asking, cache=False)(speech()).shape == (1, SIDE, SIDE, 3)


def test_a_device_of_ones_own(release):
  stage1 = seetalk_jax.SpeechToPortrait.load(release, device=jax.devices('cpu')[-1], cache=False)
  assert stage1(speech()).shape == (1, SIDE, SIDE, 3)
