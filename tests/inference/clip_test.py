"""Clips: frames by number, slice and one by one, rendered once; shown by notebooks; saved with marks, also in parts."""

import base64
import dataclasses
import re

import numpy as np
import PIL.Image
import pytest
import sounds
from read_video import read_video

from seetalk_jax.errors import InputError
from seetalk_jax.inference import clip as clip_lib
from seetalk_jax.inference import unfinished_video
from seetalk_jax.inference.clip_spec import Checksum, ClipSpec
from seetalk_jax.media import segments, video
from seetalk_jax.provenance import report
from seetalk_jax.testing import tiny_release

SIDE, CHUNK = 256, 5


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


def make_clip(side=SIDE, num_frames=15, broken_at=None):
  none = Checksum.of(b'')
  record = {'renderer': 'plain', 'version': '0', 'checkpoint_id': '0', 'crop_version': 1, 'device': 'cpu'}
  spec = ClipSpec(num_frames=num_frames, portrait=none, motion=none, size=side, fusion=1.0, jax='0', **record)
  colors = np.random.default_rng(0).integers(60, 200, (8, 8, 3), dtype=np.uint8)
  portrait = np.asarray(PIL.Image.fromarray(colors).resize((side, side)))

  def render(start):
    if broken_at is not None and start >= broken_at:
      raise KeyboardInterrupt
    return np.stack([np.roll(portrait, start + i, axis=1) for i in range(CHUNK)])

  return clip_lib.Clip(
    spec=spec,
    speech=None,
    sound=None,
    portrait=portrait,
    motion=np.zeros((num_frames, 2), np.float32),
    render=render,
    chunk=CHUNK,
    record={**record, **spec.describe()},
    stage_seconds={},
  )


def test_videos_are_marked_unless_that_is_switched_off(tmp_path):
  clip = make_clip()
  marked = report.inspect(clip.save(tmp_path / 'a.mp4'))
  assert marked.watermark_is_of_tag and clip.record['job'].startswith(marked.settings['watermark'])
  plain = report.inspect(clip.save(tmp_path / 'b.mp4', watermark=False))
  assert plain.watermark is None and plain.tag is not None and 'watermark' not in plain.settings
  assert plain.settings['job'] == marked.settings['job']


def test_small_frames_are_not_marked(tmp_path):
  assert 'watermark' not in video.read_metadata(make_clip(side=64).save(tmp_path / 'a.mp4'))['comment']


def test_resumed_segments_are_marked_alike_and_never_mixed(tmp_path, monkeypatch):
  monkeypatch.setattr(segments, 'SEGMENT_FRAMES', 10)
  path = tmp_path / 'a.mp4'
  with pytest.raises(KeyboardInterrupt):
    make_clip(num_frames=20, broken_at=15).save(path)
  with pytest.raises(InputError, match='watermark'):
    make_clip(num_frames=20).save(path, resume=True, watermark=False)
  make_clip(num_frames=20).save(path, resume=True)
  make_clip(num_frames=20).save(tmp_path / 'b.mp4')
  frames, again = ([pixels for _, pixels in read_video(each)] for each in (path, tmp_path / 'b.mp4'))
  np.testing.assert_array_equal(frames, again)
  assert report.inspect(path).watermark_is_of_tag


def test_a_finished_video_with_other_marks_is_not_taken(tmp_path):
  clip, path = make_clip(), tmp_path / 'a.mp4'
  clip.save(path)
  name = clip_lib.watermark_of(clip.record, clip.size).name
  assert unfinished_video.is_finished(path, clip.spec) and unfinished_video.is_finished(path, clip.spec, name)
  with pytest.raises(InputError, match='has a watermark'):
    unfinished_video.is_finished(path, clip.spec, None)


def test_long_and_short_videos_and_portraits_are_signed(tmp_path, monkeypatch):
  pytest.importorskip('c2pa')
  from seetalk_jax.provenance import local_authority

  signer = local_authority.write(tmp_path / 'authority')
  clip = make_clip()
  clip.save_portrait(tmp_path / 'a.png', signer=signer)
  clip.save(tmp_path / 'a.mp4', signer=signer, ingredients=[tmp_path / 'a.png'])
  monkeypatch.setattr(segments, 'SEGMENT_FRAMES', 10)
  clip.save(tmp_path / 'b.mp4', signer=signer)
  found = [report.inspect(tmp_path / name) for name in ('a.png', 'a.mp4', 'b.mp4')]
  assert [each.signature.state for each in found] == 3 * ['valid']
  assert found[1].signature.ingredients == ('a.png (parentOf)',)
  assert all(each.watermark_is_of_tag for each in found)
