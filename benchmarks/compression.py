"""Measures of videos against compression: clips encoded anew, beside themselves, by the evaluation of videos.

  python -m benchmarks.compression CLIPS --landmarker face_landmarker.task --json compression.json

Every clip of the folder is encoded at 25 fps as H.264 of CRF 18 and of CRF 28 with AAC sound, and of CRF 18 with PCM
sound. All are measured by the protocol of configs/eval.py, the clips themselves too. Printed per measure: the mean of
the clips, and paired changes with 95 % bootstrap intervals. Measures of pairs compare with the clips. Encoded clips and
results are kept in the workdir, so that an interrupted run goes on. WORKDIR/VARIANT/metrics.json is for
`seetalk compare`.
"""

from __future__ import annotations

import argparse
import fractions
import json
import math
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from seetalk_jax import files
from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation import disk_cache
from seetalk_jax.evaluation.videos import catalogue, comparison, run, sources, summary
from seetalk_jax.evaluation.videos.comparison import Difference
from seetalk_jax.evaluation.videos.evaluation import PRED, VideoEvaluation
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.store import Store
from seetalk_jax.media import audio, decode, face, full_frame, video

CLIPS = 'clips'  # as they are


class Variant(NamedTuple):
  """An encoding.

  Attributes:
    crf: constant rate factor of H.264.
    sound: FFmpeg's name of the sound codec.
    pictures: the variant whose encoded pictures are taken; '': they are encoded. x264 does not always make the same
      stream of the same pictures.
  """

  crf: int
  sound: str
  pictures: str = ''


VARIANTS = {
  'crf18': Variant(18, 'aac'),
  'crf28': Variant(28, 'aac'),
  'crf18-pcm': Variant(18, 'pcm_s16le', pictures='crf18'),
}
# Title -> the evaluations that are compared, second minus first.
COMPARED = {
  'CRF 18 against the clips': (CLIPS, 'crf18'),
  'CRF 28 against CRF 18': ('crf18', 'crf28'),
  'AAC against PCM': ('crf18-pcm', 'crf18'),
}


def encode(
  clip: sources.VideoFile, path: pathlib.Path, variant: Variant, pictures: pathlib.Path | None = None
) -> None:
  """Writes a clip anew, at 25 fps, as QuickTime, which holds AAC and PCM; whole or not at all.

  Args:
    clip: an odd row or column of its frames is left out.
    path: file that ends in .mov.
    variant: the encoding.
    pictures: an encoding of the clip whose pictures are copied; None: they are encoded.

  Raises:
    InputError: the clip cannot be decoded.
  """
  import av

  sound = clip.sound(sum(1 for _ in clip.frames()))
  with files.replacing(path) as part, av.open(str(part), 'w', format='mov') as container:
    packets = (
      _encoded_pictures(container, clip, variant) if pictures is None else _copied(container, pictures)
    )
    track = _Track(container, sound, variant) if sound is not None else None
    for count, packet in enumerate(packets):
      container.mux(packet)
      if track is not None:
        track.write_until(count / FPS)
    if track is not None:
      track.write_until(math.inf)


def _copied(container, path: pathlib.Path):
  """Packets of the pictures of a video, for a new stream of the container."""
  source = decode.open_container(path)
  stream = container.add_stream_from_template(source.streams.video[0])

  def packets():
    with source:
      for packet in source.demux(source.streams.video[0]):
        if packet.dts is not None:  # not the end of the stream
          packet.stream = stream
          yield packet

  return packets()


def _encoded_pictures(container, clip: sources.VideoFile, variant: Variant):
  """Packets of the encoded frames, for a new stream of the container, with the settings of the library's videos."""
  size = full_frame.video_size(next(clip.frames()).shape[:2])
  stream = _add_pictures(container, size, variant)

  def packets():
    for index, pixels in enumerate(clip.frames()):
      frame = video.yuv_frame(full_frame.scaled(pixels, size))
      frame.pts, frame.time_base = index, fractions.Fraction(1, FPS)
      yield from stream.encode(frame)
    yield from stream.encode(None)

  return packets()


def _add_pictures(container, size: tuple[int, int], variant: Variant):
  stream = container.add_stream('libx264', rate=FPS)
  stream.height, stream.width, stream.pix_fmt = *size, 'yuv420p'
  stream.options = {'crf': str(variant.crf), 'preset': video.PRESET, 'threads': video.ENCODER_THREADS}
  video.set_colors(stream.codec_context)
  return stream


class _Track:
  """The sound track of a container, written as far as its pictures are."""

  def __init__(self, container, sound: audio.Sound, variant: Variant):
    self._container, self._rate, self._blocks = container, sound.rate_hz, sound.open_blocks()
    self._layout = 'stereo' if sound.channels == 2 else 'mono'
    self._stream = container.add_stream(variant.sound, rate=sound.rate_hz, layout=self._layout)
    if variant.sound == 'aac':
      self._stream.bit_rate = video.AUDIO_BIT_RATE
    self._samples = 0

  def write_until(self, seconds: float) -> None:
    """Writes blocks up to a time, or all of them and the end of the stream."""
    import av

    while self._samples < seconds * self._rate:
      block = next(self._blocks, None)
      if block is None:
        break
      planes = np.ascontiguousarray(block.T, np.float32)
      frame = av.AudioFrame.from_ndarray(planes, format='fltp', layout=self._layout)
      frame.sample_rate, frame.pts = self._rate, self._samples
      frame.time_base = fractions.Fraction(1, self._rate)
      self._samples += len(block)
      self._container.mux(self._stream.encode(frame))
    if math.isinf(seconds):
      self._container.mux(self._stream.encode(None))


def encode_all(clips: Sequence[sources.VideoFile], workdir: pathlib.Path) -> list[sources.VideoFile]:
  """Writes WORKDIR/VARIANT/NAME.mov for every clip and variant that is not there yet.

  Returns:
    The clips; one that cannot be decoded is left out, which a line says.
  """
  usable = []
  for clip in tqdm(clips, desc='encode', file=sys.stderr):
    try:
      for name, variant in VARIANTS.items():
        if not (path := encoded_path(workdir, name, clip)).exists():
          same = encoded_path(workdir, variant.pictures, clip) if variant.pictures else None
          encode(clip, path, variant, same)
    except InputError as error:
      print(f'{clip.path} is left out: {error}', file=sys.stderr)
      continue
    usable.append(clip)
  if not usable:
    raise InputError('no clip can be decoded: give a folder of videos')
  return usable


def encoded_path(workdir: pathlib.Path, name: str, clip: sources.VideoFile) -> pathlib.Path:
  """Where a clip of the variant `name` is kept; another file of the clip's name is kept elsewhere."""
  key = disk_cache.digest([clip.identity, VARIANTS[name]])
  return workdir / name / f'{clip.name}-{key}.mov'


def evaluate(
  clips: Sequence[sources.VideoFile], workdir: pathlib.Path, landmarker: str
) -> dict[str, dict[str, Any]]:
  """Measures the clips and their variants beside the clips, and writes WORKDIR/VARIANT/metrics.json.

  Returns:
    `CLIPS` and the names of `VARIANTS` -> contents of metrics.json.
  """
  protocol, networks = Protocol(), Networks({}, {})
  weights = {'face_landmarker': files.checksum(landmarker)}
  store, found = Store(str(workdir / 'measured'), [protocol.described(), weights]), {}
  with face.open_face_reader(landmarker) as read:
    evaluation = VideoEvaluation(protocol, read, store, networks)
    for name in (CLIPS, *VARIANTS):
      videos = clips if name == CLIPS else [_encoded(workdir, name, clip) for clip in clips]
      rows = evaluation.rows(videos, clips)
      about = {'pred': name, 'real': CLIPS}
      contents = summary.contents(rows, protocol, run.missing_measures(networks), weights, about)
      summary.write_metrics(str(workdir / name / 'metrics.json'), contents)
      found[name] = summary.plain(contents)
      if name == CLIPS:
        print(summary.table(rows, {}), file=sys.stderr)
  return found


def _encoded(workdir: pathlib.Path, name: str, clip: sources.VideoFile) -> sources.VideoFile:
  made = sources.VideoFile(encoded_path(workdir, name, clip))
  made.name = clip.name  # videos are paired by name
  return made


def compare_all(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Difference]]:
  """Title of `COMPARED` -> measure -> difference, of the contents that `evaluate` returns."""
  return {
    title: comparison.compare(found[first], found[second], PRED)
    for title, (first, second) in COMPARED.items()
  }


def table(differences: Mapping[str, Mapping[str, Difference]]) -> str:
  """The differences as a Markdown table: measures of single videos, then those of pairs.

  An interval that contains 0 is in parentheses. Of measures of pairs, the first columns are the value of the first
  variant beside the clips: clips beside themselves are equal.
  """
  first, *others = differences
  lines = [['measure', 'clips', *differences, 'n'], ['---'] * (len(differences) + 3)]
  for name, measure in {**catalogue.SINGLE, **catalogue.PAIRED}.items():
    if name not in differences[first]:
      continue
    each = differences[first][name]
    cells = [f'{each.first:.3g}', _change(each)]
    if name in catalogue.PAIRED:
      cells = ['', f'value {each.second:.3g}']
    cells += [_change(differences[title][name]) for title in others]
    unit = f', {measure.unit}' if measure.unit else ''
    lines.append([f'{measure.title}{unit}', *cells, str(each.count)])
  return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _change(each: Difference) -> str:
  interval = '' if math.isnan(each.low) else f'{each.low:+.2g} to {each.high:+.2g}'
  text = f'{each.value:+.2g}, {interval}' if interval else f'{each.value:+.2g}'
  return text if each.clear else f'({text})'


def main(argv: list[str] | None = None) -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('folder', help='folder of clips')
  parser.add_argument('--landmarker', help="MediaPipe's face_landmarker.task")
  parser.add_argument('--workdir', type=pathlib.Path, default=pathlib.Path('build/compression'))
  parser.add_argument('--json', type=pathlib.Path, help='file for the figures')
  options = parser.parse_args(argv)
  try:
    landmarker = face.landmarker_file(options.landmarker, can_be_aligned=False)
    clips = encode_all(sources.folder_videos(options.folder), options.workdir)
    differences = compare_all(evaluate(clips, options.workdir, landmarker))
    if options.json is not None:
      plain = {
        title: {name: each._asdict() for name, each in changes.items()}
        for title, changes in differences.items()
      }
      files.write_text(options.json, json.dumps(summary.plain(plain), indent=1) + '\n')
  except InputError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  print(table(differences))
  return 0


if __name__ == '__main__':
  sys.exit(main())
