"""Reports: what videos, portraits and files of others say about their origin."""

import numpy as np
import PIL.Image
import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.inference import clip
from seetalk_jax.media import video
from seetalk_jax.provenance import report, watermark

RECORD = {'version': '1', 'seed': 3, 'job': '5ee7a1c500000000'}


def pixels():
  return np.asarray(
    PIL.Image.fromarray(np.random.default_rng(0).integers(60, 200, (8, 8, 3), dtype=np.uint8)).resize(
      (256, 256)
    )
  )


@pytest.mark.parametrize('marked', [True, False])
def test_a_portrait(tmp_path, marked):
  clip.save_portrait(tmp_path / 'a.png', pixels(), RECORD, watermark=marked)
  found = report.inspect(tmp_path / 'a.png')
  assert found.tag.title == 'Synthetic portrait' and found.settings['seed'] == '3'
  assert found.signature is None
  assert (found.watermark is not None) == marked
  assert found.watermark_is_of_tag == (True if marked else None)


def test_a_video_whose_tag_was_removed_still_has_its_watermark(tmp_path):
  mark = watermark.Watermark(0x5EE7A1C5)
  with video.VideoWriter(tmp_path / 'a.mp4', size=(256, 256), mark=mark.mark_luma) as writer:
    writer.write(np.repeat(pixels()[None], 5, axis=0))
  found = report.inspect(tmp_path / 'a.mp4')
  assert (found.tag, found.settings, found.watermark.payload) == (None, {}, mark.payload)


def test_files_of_others_and_no_media(tmp_path):
  PIL.Image.fromarray(pixels()).save(tmp_path / 'a.jpg')
  assert report.inspect(tmp_path / 'a.jpg') == report.Report(None, {}, None, None)
  (tmp_path / 'text.mp4').write_text('no video')
  for name in ('text.mp4', 'missing.mp4'):
    with pytest.raises(InputError, match=name):
      report.inspect(tmp_path / name)
