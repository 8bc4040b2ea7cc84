"""Frames of a clip: by number, by slice and one by one, rendered once, and shown by notebooks."""

import base64
import dataclasses
import re

import numpy as np
import pytest
import sounds
from read_video import read_video

from seetalk_jax.inference import clip as clip_lib
from seetalk_jax.testing import tiny_release


@pytest.fixture(scope='module')
def made():
  return tiny_release.load(tiny_release.shared())(sounds.tone(0.9))


@pytest.fixture
def counted(made):
  """(the clip, the first frames of the chunks that it has rendered)."""
  starts = []
  render = lambda start: starts.append(start) or made.render(start)
  return dataclasses.replace(made, render=render, ahead=0), starts


@pytest.fixture(scope='module')
def frames(made):
  return np.concatenate(list(made.stream()))


def test_frames_by_number_render_their_chunk_alone(counted, frames):
  clip, starts = counted
  np.testing.assert_array_equal(clip[9], frames[9])
  assert starts == [8]
  np.testing.assert_array_equal(clip[-1], frames[-1])
  for wrong in (len(clip), -len(clip) - 1):
    with pytest.raises(IndexError, match=f'frame {wrong} of a clip of 23 frames'):
      clip[wrong]


@pytest.mark.parametrize(
  'part', [slice(5, 9), slice(None, None, 7), slice(20, None), slice(10, 2, -3), slice(9, 3)]
)
def test_frames_by_slice(counted, frames, part):
  clip, starts = counted
  np.testing.assert_array_equal(clip[part], frames[part])
  wanted = range(len(frames))[part]
  assert not wanted or min(starts) <= min(wanted) and max(starts) <= max(wanted)


def test_frames_one_by_one(made, frames):
  np.testing.assert_array_equal(np.stack(list(made)), frames)


def test_frames_are_rendered_once(counted, frames, tmp_path):
  clip, starts = counted
  np.testing.assert_array_equal(clip.frames, frames)
  number = len(starts)
  assert clip.frames is clip.frames and not clip.frames.flags.writeable
  np.testing.assert_array_equal(clip[3], frames[3])
  np.testing.assert_array_equal(np.concatenate(list(clip.stream(5))), frames[5:])
  assert len(read_video(clip.save(tmp_path / 'a.mp4'))) == len(frames)
  assert len(starts) == number


def test_long_clips_keep_no_frames(counted, frames, monkeypatch):
  clip, starts = counted
  monkeypatch.setattr(clip_lib, '_KEPT_BYTES', frames.nbytes - 1)
  np.testing.assert_array_equal(clip.frames, frames)
  number = len(starts)
  np.testing.assert_array_equal(clip.frames, frames)
  assert len(starts) == 2 * number


def test_a_saved_video_is_the_same_with_and_without_kept_frames(made, tmp_path):
  fresh, kept = (dataclasses.replace(made) for _ in range(2))
  _ = kept.frames
  assert fresh.save(tmp_path / 'a.mp4').read_bytes() == kept.save(tmp_path / 'b.mp4').read_bytes()


def test_notebooks_show_the_portrait_and_play_the_video(made, tmp_path):
  text = made._repr_html_()
  assert '<img' in text and '23 frames of 64 x 64 pixels, 0.92 s, with sound' in text
  view = made.show(width=200)
  content = re.search(r'src="data:video/mp4;base64,([^"]+)"', view._repr_html_())
  (tmp_path / 'shown.mp4').write_bytes(base64.b64decode(content[1]))
  assert len(read_video(tmp_path / 'shown.mp4')) == 23
  assert repr(view) == repr(made)
