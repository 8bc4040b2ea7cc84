"""Generator of the evaluation: its results equal those of the pipeline."""

import numpy as np
import pytest
from read_video import read_video

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation import generated
from seetalk_jax.evaluation.parts import recordings
from seetalk_jax.testing import tiny_release


@pytest.fixture(scope='module')
def generator():
  return generated.PipelineGenerator(tiny_release.load(tiny_release.shared()))


def _speech(seconds=0.6):
  rng = np.random.default_rng(0)
  return (0.1 * rng.standard_normal(int(16_000 * seconds))).astype(np.float32)


def test_a_late_frame_is_a_frame_of_the_video(generator):
  side = generator.pipe.side
  portraits = generator.portraits(_speech(), [3, 4])
  assert portraits.shape == (2, side, side, 3)
  assert not np.array_equal(*portraits)
  late = generator.late_frame(portraits[0], _speech(), seed=3)
  clip = generator.pipe(_speech(), seed=3, portrait=portraits[0])
  assert any(np.array_equal(late, frame) for frame in clip.frames[-3:])


def test_rebuilt_frames_are_those_of_videos(generator):
  pipe, rng = generator.pipe, np.random.default_rng(1)
  source, target = rng.integers(0, 256, (2, 5, pipe.side, pipe.side, 3)).astype(np.uint8)
  source[1] = source[0]  # rendered as one clip
  weights = 1.0, 0.75
  made = generator.rebuild(source, target, weights)
  assert list(made) == ['HR decoder', 'HR decoder at weight 0.75', 'plain decoder']
  motion = generator.motion(target)
  for route, weight in zip(list(made)[:2], weights, strict=True):
    videos = [pipe.render(source[i], motion[i:j], fusion=weight) for i, j in ((0, 2), (2, 3), (3, 4), (4, 5))]
    frames = np.concatenate([clip.frames for clip in videos])
    np.testing.assert_array_equal(made[route], frames)
  assert made['plain decoder'].shape == source.shape and made['plain decoder'].dtype == np.uint8
  assert not np.array_equal(made['plain decoder'], made['HR decoder'])


def test_plain_frames_are_those_of_a_release_without_hr_decoder(generator, tmp_path):
  rng, side = np.random.default_rng(2), generator.pipe.side
  source, target = rng.integers(0, 256, (2, 2, side, side, 3)).astype(np.uint8)
  names = [name for name in tiny_release.INFERENCE if name != 'hr_decoder']
  bare = generated.PipelineGenerator(tiny_release.load(str(tiny_release.make(tmp_path / 'plain', names))))
  made = bare.rebuild(source, target)
  assert list(made) == ['plain decoder']
  np.testing.assert_array_equal(made['plain decoder'], generator.rebuild(source, target)['plain decoder'])
  frames = [bare.pipe.render(s, m[None]).frames[0] for s, m in zip(source, bare.motion(target), strict=True)]
  np.testing.assert_array_equal(made['plain decoder'], frames)


def test_every_recording_becomes_a_video(generator, tmp_path):
  import soundfile

  (tmp_path / 'in').mkdir()
  soundfile.write(tmp_path / 'in' / 'one.wav', _speech(0.5), 16_000)
  figures = recordings.recording_figures(str(tmp_path / 'in'), str(tmp_path / 'out'), generator.pipe, seed=0)
  assert figures[0].value == 100
  assert sum(1 for _ in read_video(tmp_path / 'out' / 'one.mp4')) == 13
  with pytest.raises(InputError, match='no recordings'):
    recordings.recording_figures(str(tmp_path / 'none'), str(tmp_path / 'out'), generator.pipe, seed=0)
