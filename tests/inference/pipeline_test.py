"""Pipeline from speech to frames with tiny random networks: lengths, determinism, laziness, dependencies."""

import dataclasses
import errno
import pathlib
import shutil
import threading
import warnings
from unittest import mock

import jax
import numpy as np
import pytest
import small_files
import sounds
from jax.experimental.compilation_cache import compilation_cache
from read_video import read_video

from seetalk_jax import files
from seetalk_jax.cli import options
from seetalk_jax.errors import CheckpointError, InputError, PortraitError, SpeechError
from seetalk_jax.inference import background_compile, devices, loaded_release, pipeline, renderer
from seetalk_jax.inference.speech_to_portrait import SpeechToPortrait
from seetalk_jax.media import audio, face, tracked_video, video
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

SIDE = tiny_release.SIDE


@pytest.fixture(scope='module')
def pipe():
  return tiny_release.load(tiny_release.shared())


def speech(seconds=0.5, hz=220.0):
  return audio.speech_from_array(sounds.tone(seconds, hz=hz))


@pytest.fixture(scope='module')
def clip(pipe):
  return pipe(speech(), seed=0)


def test_same_seed_same_frames_bit_for_bit(pipe, clip):
  frames = clip.frames
  assert frames.shape == (13, SIDE, SIDE, 3) and frames.dtype == np.uint8
  assert frames.std() > 1
  np.testing.assert_array_equal(clip.frames, frames)  # rendering again gives the same frames
  np.testing.assert_array_equal(pipe(speech(), seed=0).frames, frames)
  networks = storage.load_networks(pipe.checkpoint)
  fresh = pipeline.SeeTalk(loaded_release.LoadedRelease(networks, pipe.checkpoint, pipe.device))
  np.testing.assert_array_equal(fresh(speech(), seed=0).frames, frames)
  other = pipe(speech(), seed=1)
  assert (other.portrait != clip.portrait).any() and (other.frames != frames).any()


def test_speech_moves_the_face_and_picks_it(pipe, clip):
  other = pipe(speech(hz=900.0), seed=0)
  assert (other.portrait != clip.portrait).any()
  same_face = pipe(speech(hz=900.0), seed=0, portrait=clip.portrait)
  np.testing.assert_array_equal(same_face.portrait, clip.portrait)
  assert np.abs(same_face.motion - clip.motion).max() > 1e-4


@pytest.mark.parametrize('num_samples', [3200, 3201, 8 * 640, 8 * 640 + 1, 20_000, 100 * 640])
def test_one_frame_for_every_40_ms(pipe, clip, num_samples):
  made = pipe(audio.speech_from_array(sounds.tone(4.0)[:num_samples]), portrait=clip.portrait)
  chunks = list(made.stream())
  assert sum(map(len, chunks)) == made.num_frames == -(-num_samples // 640)
  assert all(len(chunk) == renderer.CHUNK for chunk in chunks[:-1])
  assert made.motion.shape == (made.num_frames, 256)


def test_a_longer_video_compiles_no_second_renderer(pipe, clip):
  before = pipe._renderer._draw._jitted._cache_size()
  long = pipe(speech(1.7), portrait=clip.portrait)
  next(long.stream())
  assert (
    pipe._renderer._draw._jitted._cache_size() == before == 0
  )  # only the function compiled ahead of time is used


@pytest.fixture
def photo():
  pixels = np.random.default_rng(0).integers(0, 256, (100, 131, 3)).astype(np.uint8)
  return face.Photo(pixels, face.FaceBox(30.0, 20.0, 70.0))


def test_the_head_goes_back_into_the_photo(pipe, photo):
  whole = pipe(speech(), portrait=photo, full_frame=True)
  crop = face.crop_photo(photo, SIDE)
  square = pipe(speech(), portrait=crop)
  np.testing.assert_array_equal(whole.motion, square.motion)
  frames = whole.frames
  assert whole.size == (100, 130) and frames.shape == (13, 100, 130, 3)
  y, x = np.mgrid[:100, :130] + 0.5
  outside = (y < 20) | (y > 90) | (x < 30) | (x > 100)
  assert (frames[:, outside] == photo.pixels[:, :130][outside]).all()
  assert (frames[:, ~outside] != photo.pixels[:, :130][~outside]).any()
  # Put back by hand.
  placed = whole.full_frame
  np.testing.assert_array_equal(frames[5], placed.put_back(square.frames[5]))
  assert placed.colors.gain != (1.0, 1.0, 1.0) and whole.spec.job_id() != square.spec.job_id()
  np.testing.assert_array_equal(np.concatenate(list(whole.stream(6))), frames[6:])
  half = pipe(speech(), portrait=photo, full_frame=True, size=66)
  assert half.size == (50, 66)


def test_reenactment_and_given_motion_in_full_frame(pipe, clip, photo, tmp_path):
  rendered = pipe.render(photo, clip.motion[:3], full_frame=True)
  assert rendered.frames.shape == (3, 100, 130, 3)
  clip.save(tmp_path / 'drive.mp4')
  moved = pipe.reenact(photo, tmp_path / 'drive.mp4', full_frame=True)
  assert next(moved.stream()).shape[1:] == (100, 130, 3)


def test_full_frame_needs_a_photo(pipe, clip):
  with pytest.raises(InputError, match='needs a photo'):
    pipe(speech(), full_frame=True)
  with pytest.raises(PortraitError, match='a full frame of a portrait crop'):
    pipe(speech(), portrait=clip.portrait, full_frame=True)
  with pytest.raises(PortraitError, match='no picture around it'):
    pipe(speech(), portrait=face.Photo(clip.portrait, None), full_frame=True)


@pytest.fixture
def filmed(tmp_path):
  """A video of 20 frames whose crop moves by a pixel a frame."""
  pixels = np.kron(np.random.default_rng(0).integers(0, 256, (10, 16, 3)), np.ones((10, 10, 1))).astype(
    np.uint8
  )
  with video.VideoWriter(tmp_path / 'filmed.mp4', size=(100, 160)) as writer:
    writer.write(np.stack([np.roll(pixels, i, axis=1) for i in range(20)]))
  boxes = np.array([(30.0 + i, 20.0, 70.0) for i in range(20)])
  tracked = tracked_video.TrackedVideo(tmp_path / 'filmed.mp4', (100, 160), boxes)
  return tracked_video.VideoFullFrame(tracked, tracked_video.PictureReader(tracked))


def test_a_filmed_person_speaks(pipe, filmed):
  made = pipe(speech(), portrait=filmed, full_frame=True)
  frames, pictures = made.frames, list(filmed.video.pictures())
  assert frames.shape == (13, 100, 160, 3) and made.size == (100, 160)
  for i, frame in enumerate(frames):
    x = np.arange(160) + 0.5
    outside = (x < 30 + i) | (x > 100 + i)
    np.testing.assert_array_equal(frame[:, outside], pictures[i][:, outside])
  np.testing.assert_array_equal(made.frames, frames)  # the video is read again
  np.testing.assert_array_equal(np.concatenate(list(made.stream(6))), frames[6:])
  np.testing.assert_array_equal(made.portrait, filmed.reader.crop(0, SIDE))
  # Every frame is drawn from its own crop: without another motion, it is the crop as the networks draw it.
  own = pipe._motion_sampler.read(np.stack([filmed.reader.crop(i, SIDE) for i in range(13)]))
  still = pipe._renderer.bind_video(lambda i: filmed.reader.crop(i, SIDE), own, 1.0)
  expected = pipe.render(filmed.reader.crop(2, SIDE), own[2:3]).frames[0]
  assert np.abs(np.asarray(still(0))[2].astype(int) - expected).max() <= 1


def test_a_filmed_person_needs_a_long_video_and_speech(pipe, clip, filmed):
  with pytest.raises(InputError, match='1.00 s of speech for 0.80 s of video'):
    pipe(speech(1.0), portrait=filmed, full_frame=True)
  with pytest.raises(PortraitError, match='it takes speech, with full_frame'):
    pipe(speech(), portrait=filmed)
  with pytest.raises(PortraitError, match='it takes speech, with full_frame'):
    pipe.render(filmed, clip.motion, full_frame=True)


def test_a_video_of_each_recording(pipe, tmp_path):
  for name in ('a.wav', 'b.wav'):
    sounds.write_sndfile(tmp_path / name, sounds.tone(0.3), 16_000)
  (tmp_path / 'other').mkdir()
  made = pipe.videos([tmp_path / 'a.wav', tmp_path / 'b.wav'], tmp_path / 'new' / 'videos', seed=3)
  first = next(made)
  assert first == tmp_path / 'new' / 'videos' / 'a.mp4' and first.exists()
  assert not first.with_name('b.mp4').exists()  # one after the other
  assert [path.name for path in made] == ['b.mp4']
  same = [tmp_path / 'a.wav', tmp_path / 'other' / 'a.flac']
  with pytest.raises(InputError, match='would both become'):
    pipe.videos(same, tmp_path / 'more')
  assert not (tmp_path / 'more').exists()


def test_frames_are_rendered_when_asked_for(pipe, clip):
  made = pipe(speech(1.7), portrait=clip.portrait)
  starts = []
  lazy = dataclasses.replace(made, render=lambda start: starts.append(start) or made.render(start), ahead=2)
  stream = lazy.stream()
  assert starts == []
  next(stream)
  assert starts == [0, renderer.CHUNK, 2 * renderer.CHUNK]  # only the next two chunks have been started


def test_frames_are_the_same_side_by_side_and_one_after_the_other(clip, monkeypatch):
  drawn = []
  for calls in (1, 3):
    monkeypatch.setattr(renderer, 'parallel_calls', lambda device, calls=calls: calls)
    other = renderer.Renderer(tiny_release.load(tiny_release.shared()).release)
    assert other.ahead == calls
    drawn.append(other.frames(clip.portrait, clip.motion, 1.0).astype(int))
  assert drawn[0].shape == (len(clip), SIDE, SIDE, 3)
  assert np.abs(drawn[0] - drawn[1]).max() <= 1  # sums in another order


def test_faces_do_not_depend_on_how_many_are_asked_for(pipe, clip):
  faces = pipe.portrait(speech(), num=3, seed=0)
  assert faces.shape == (3, SIDE, SIDE, 3) and faces.dtype == np.uint8
  np.testing.assert_array_equal(faces[0], clip.portrait)
  np.testing.assert_array_equal(pipe.portrait(speech(), num=1, seed=0)[0], faces[0])
  np.testing.assert_array_equal(pipe(speech(), seed=0, face=2).portrait, faces[2])
  assert (faces[1] != faces[2]).any()


def test_fusion_weight_and_size(pipe, clip):
  trusting = pipe(speech(), seed=0, fusion=0.0)
  np.testing.assert_array_equal(trusting.portrait, clip.portrait)
  assert (trusting.frames != clip.frames).any()
  small = pipe(speech(), seed=0, size=48)
  assert small.frames.shape == (13, 48, 48, 3)


def test_save_keeps_length_metadata_and_portrait(pipe, clip, tmp_path):
  clip.save(tmp_path / 'talk.mp4')
  assert len(read_video(tmp_path / 'talk.mp4')) == clip.num_frames
  assert abs(audio.load_speech(tmp_path / 'talk.mp4').seconds - clip.speech.seconds) <= 1 / 25
  tags = video.read_metadata(tmp_path / 'talk.mp4')
  assert 'Synthetic' in tags['title'] and 'seed 0' in tags['comment']
  clip.save_portrait(tmp_path / 'face.png')
  again = pipe(speech(), seed=0, portrait=tmp_path / 'face.png')
  np.testing.assert_array_equal(again.frames, clip.frames)
  assert {'speech', 'portrait', 'motion', 'render', 'encode'} <= set(clip.stage_seconds)


def test_progress_reaches_its_ends(pipe):
  reports = []
  made = pipe(speech(), progress=lambda *what: reports.append(what))
  list(made.stream())
  for stage in ('speech', 'portrait', 'motion', 'render'):
    first, *_, last = (what[1:] for what in reports if what[0] == stage)
    assert first[0] == 0 and last[0] == last[1]


def test_checkpoints_that_hold_less(pipe, tmp_path):
  some = [name for name in tiny_release.INFERENCE if name not in ('hr_decoder', 'lip_refiner')]
  lean = tiny_release.load(str(tiny_release.make(tmp_path / 'lean', some)))
  made = lean(speech(), seed=0)
  assert made.record['renderer'] == 'plain' and made.frames.shape == (13, SIDE, SIDE, 3)
  bare = tiny_release.load(str(tiny_release.make(tmp_path / 'bare', ('speech_encoder', 'motion_codec'))))
  with pytest.raises(CheckpointError, match='holds no motion_transformer'):
    bare(speech(), portrait=made.portrait)
  with pytest.raises(CheckpointError, match='holds no autoencoder'):
    bare.portrait(speech())


def test_weights_that_the_code_has_outgrown(pipe):
  """Files and description agree, but the class has changed since: a one-line error names the array."""
  networks = storage.load_networks(pipe.checkpoint)
  for name in ('motion_codec', 'sample_adaptive_weighting'):
    params = dict(networks.params)
    params[name] = {f'old_{key}': tree for key, tree in params[name].items()}
    aged = dataclasses.replace(networks, params=params)
    aged = pipeline.SeeTalk(loaded_release.LoadedRelease(aged, pipe.checkpoint, pipe.device))
    with pytest.raises(CheckpointError, match=f'weights of another configuration.*{name}'):
      aged(speech())


def test_bad_arguments(pipe):
  with pytest.raises(SpeechError, match='silence'):
    pipe(np.zeros(16_000, np.float32))
  with pytest.raises(PortraitError, match='uint8'):
    pipe(speech(), portrait=np.zeros((SIDE, SIDE, 3), np.float32))
  with pytest.raises(InputError, match='size'):
    pipe(speech(), size=63)
  with pytest.raises(InputError, match='tpu'):
    devices.find_device('tpu')


def test_program_compiles_in_the_background_and_reports_errors():
  threads = []

  def double(x):
    threads.append(threading.current_thread())
    return 2 * x

  made = background_compile.BackgroundCompiledFunction(double, jax.devices()[0])
  np.testing.assert_array_equal(made(np.ones(3, np.float32)), 2)  # before start: a plain jit
  made.start(lambda: (jax.ShapeDtypeStruct((2,), np.float32),))
  assert made.out_shapes().shape == (2,)
  np.testing.assert_array_equal(made(np.ones(2, np.float32)), 2)
  assert threads[-1] is not threading.main_thread()
  broken = background_compile.BackgroundCompiledFunction(lambda x: x @ x, jax.devices()[0])
  broken.start(lambda: (jax.ShapeDtypeStruct((2, 3), np.float32),))
  with pytest.raises(TypeError):
    broken(np.ones((2, 3), np.float32))


_CACHE_SETTINGS = (
  'jax_compilation_cache_dir',
  'jax_persistent_cache_min_compile_time_secs',
  'jax_persistent_cache_min_entry_size_bytes',
)


@pytest.fixture
def no_cache():
  """JAX without a compilation cache; its settings are restored at the end."""
  before = {name: getattr(jax.config, name) for name in _CACHE_SETTINGS}
  compilation_cache.reset_cache()
  jax.config.update('jax_compilation_cache_dir', None)
  yield
  for name, value in before.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()


def test_compilation_cache_goes_where_it_was_told(no_cache, tmp_path, monkeypatch):
  jax.config.update('jax_compilation_cache_dir', str(tmp_path / 'theirs'))
  loaded_release.use_compilation_cache()
  assert jax.config.jax_compilation_cache_dir == str(tmp_path / 'theirs')
  jax.config.update('jax_compilation_cache_dir', None)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  loaded_release.use_compilation_cache()
  assert jax.config.jax_compilation_cache_dir == str(tmp_path / 'seetalk-jax' / 'xla')
  jax.config.update('jax_compilation_cache_dir', None)
  monkeypatch.setattr(files, 'cache_dir', lambda: None)  # a user without a home folder
  loaded_release.use_compilation_cache()
  assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.parametrize('given', [True, False])
def test_a_compilation_cache_that_cannot_be_written_is_only_read(no_cache, tmp_path, monkeypatch, given):
  def compile_and_count(number):
    jax.jit(lambda x: x + number)(np.float32(1)).block_until_ready()
    return len([path for path in folder.iterdir() if path.name.startswith('jit')])

  monkeypatch.setattr(files, 'cache_dir', lambda: tmp_path)
  folder = tmp_path / 'xla'
  loaded_release.use_compilation_cache()
  written = compile_and_count(1)
  assert written
  # As root, these tests can write everywhere: the check fails instead, and JAX would succeed.
  refused = PermissionError(errno.EACCES, 'Permission denied')
  monkeypatch.setattr(pathlib.Path, 'touch', mock.Mock(side_effect=refused))
  if not given:
    jax.config.update('jax_compilation_cache_dir', None)
  loaded_release.use_compilation_cache()
  assert jax.config.jax_compilation_cache_dir == str(folder)
  assert compile_and_count(2) == written
  jax.config.update('jax_compilation_cache_dir', None)
  shutil.rmtree(folder)
  monkeypatch.setattr(pathlib.Path, 'mkdir', mock.Mock(side_effect=refused))
  loaded_release.use_compilation_cache()
  assert jax.config.jax_compilation_cache_dir is None  # there is nothing to read


def test_a_compilation_cache_on_a_full_disk_is_silent(no_cache, tmp_path, monkeypatch):
  loaded_release.use_compilation_cache(tmp_path / 'xla')
  with warnings.catch_warnings(record=True) as caught, small_files.file_size_limit(1):
    loaded_release.use_compilation_cache()
    jax.jit(lambda x: x + 3)(np.float32(1)).block_until_ready()
  assert not caught


def test_loading_leaves_the_configuration_of_jax_alone(tmp_path, monkeypatch):
  names = (
    'jax_compilation_cache_dir',
    'jax_persistent_cache_min_compile_time_secs',
    'jax_persistent_cache_min_entry_size_bytes',
  )
  before = {name: getattr(jax.config, name) for name in names}
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  monkeypatch.setattr(loaded_release.jax, 'device_put', lambda tree, device: tree)  # quick
  try:
    jax.config.update('jax_compilation_cache_dir', None)  # conftest.py sets one
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 2.0)
    settings = dict(jax.config.values)
    pipeline.load(tiny_release.shared())
    SpeechToPortrait.load(tiny_release.shared())
    assert dict(jax.config.values) == settings
    pipeline.load(tiny_release.shared(), cache=True)
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / 'seetalk-jax' / 'xla')
  finally:
    for name, value in before.items():
      jax.config.update(name, value)


def test_the_command_line_keeps_compiled_programs(monkeypatch):
  calls = {}
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '2')
  monkeypatch.setattr(pipeline.SeeTalk, 'load', lambda checkpoint, **given: calls.update(given))
  options.load_pipeline('demo', None)
  assert calls == {'device': None, 'cache': True}
