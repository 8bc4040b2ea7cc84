"""Metadata tags with bytes that are not UTF-8: files open nevertheless, and the tags can be printed."""

import json
import pathlib

import numpy as np
import pytest
import sounds
from read_video import read_video

from seetalk_jax.evaluation.parts import recordings
from seetalk_jax.media import audio, driving, image, timeline, video

PLACE = 'Xy%Xy%Xy'  # placeholder in files, replaced by bytes of the same length
TITLES = {
  'latin-1': b'caf\xe9\xfc\xe7\xe0\xe1',
  'lone surrogates': '\udce9a\ud800b'.encode('utf-8', 'surrogatepass'),
}


def write_title(path: pathlib.Path, title: bytes) -> None:
  data = path.read_bytes()
  assert PLACE.encode() in data and len(title) == len(PLACE)
  path.write_bytes(data.replace(PLACE.encode(), title))


def write_video(path: pathlib.Path, **tags: str) -> pathlib.Path:
  wav = sounds.write_sndfile(path.with_suffix('.wav'), sounds.tone(0.4, 16_000), 16_000)
  with video.VideoWriter(path, size=(64, 64), sound=audio.load_speech(wav).sound, metadata=tags) as writer:
    writer.write(np.zeros((10, 64, 64, 3), np.uint8))
  return path


@pytest.mark.parametrize('title', list(TITLES))
@pytest.mark.parametrize('name, codec', [('voice.mp3', 'mp3'), ('voice.m4a', 'aac')])
def test_sounds_are_read(name, codec, title, tmp_path):
  path = sounds.write_av(
    tmp_path / name,
    sounds.tone(0.5, 16_000),
    16_000,
    codec=codec,
    tags={'title': PLACE},
  )
  write_title(path, TITLES[title])
  assert audio.load_speech(path).seconds == pytest.approx(0.5, abs=0.1)
  assert timeline.probe(path).audio_rate_hz == 16_000
  check(video.read_metadata(path))


@pytest.mark.parametrize('title', list(TITLES))
def test_videos_are_read(title, tmp_path):
  path = write_video(tmp_path / 'talk.mp4', title=PLACE, comment='Made elsewhere')
  write_title(path, TITLES[title])
  tags = video.read_metadata(path)
  check(tags)
  assert tags['comment'] == 'Made elsewhere'
  assert len(list(read_video(path))) == video.count_frames(path) == recordings.count_frames(path) == 10
  assert driving.open_driving(path, aligned=True).num_frames == 10
  with video.VideoJoiner(tmp_path / 'joined.mp4', path) as joiner:
    joiner.append(path)
  assert video.count_frames(tmp_path / 'joined.mp4') == 10


def check(tags: dict[str, str]) -> None:
  assert '\ufffd' in tags['title']
  print(json.dumps(tags, ensure_ascii=False).encode())  # raises if a lone surrogate remains


def test_lone_surrogates_are_not_written(tmp_path):
  path = write_video(tmp_path / 'talk.mp4', title='caf\udce9', comment='\ud800')
  tags = video.read_metadata(path)
  assert (tags['title'], tags['comment']) == ('caf\ufffd', '\ufffd')
  image.save_png(tmp_path / 'face.png', np.zeros((64, 64, 3), np.uint8), {'Comment': 'caf\udce9'})
  assert image.load_image_and_text(tmp_path / 'face.png')[1]['Comment'] == 'caf\ufffd'
