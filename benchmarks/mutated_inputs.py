"""Damaged and hostile uploads: mutated sounds and pictures through the library's decoding, and a part through a server.

  python -m benchmarks.mutated_inputs --sounds 2000 --pictures 500 --served 200

Sounds are made from examples/speech.wav: wav, flac, mp3, ogg and m4a, with flipped bits, cut off, with another header,
with random bytes, and under wrong names. Expected is a decoded file or one line of an `InputError`: no other exception,
no file that takes more than 10 s, no process of more than 2 GiB.
"""

from __future__ import annotations

import argparse
import collections
import io
import multiprocessing
import pathlib
import re
import tempfile
import time
import traceback
from typing import NamedTuple

import numpy as np

from benchmarks import server_process

HANG_SECONDS = 10.0
MEMORY_MIB = 2048
SOUND_FORMATS = {'wav': 'pcm_s16le', 'flac': 'flac', 'mp3': 'mp3', 'm4a': 'aac'}  # and ogg, by libsndfile
PICTURE_FORMATS = {'png': 'PNG', 'jpg': 'JPEG', 'webp': 'WEBP'}
HEADER_BYTES = 128
KINDS = ('bits', 'cut', 'header', 'random', 'name', 'spliced', 'sizes')


class Outcome(NamedTuple):
  """What became of a file.

  Attributes:
    result: 'decoded', 'refused', 'traceback', 'hang' or 'died'.
    detail: the line, or the traceback.
    seconds: that it took.
    peak_mib: largest resident memory of the process meanwhile.
  """

  result: str
  detail: str
  seconds: float
  peak_mib: float


def sounds(seconds: float = 2.0) -> dict[str, bytes]:
  """The first seconds of the example in every format."""
  import av
  import soundfile

  from seetalk_jax.media import audio

  samples = audio.load_speech(server_process.repository() / 'examples' / 'speech.wav').waveform
  samples = samples[: round(seconds * 16_000)]
  found = {}
  for name, codec in SOUND_FORMATS.items():
    file = io.BytesIO()
    container = {'m4a': 'ipod'}.get(name, name)
    with av.open(file, 'w', format=container) as out:
      stream = out.add_stream(codec, rate=16_000, layout='mono')
      frame = av.AudioFrame.from_ndarray(
        (samples * 32767).astype(np.int16)[None], format='s16', layout='mono'
      )
      frame.sample_rate = 16_000
      resampler = av.AudioResampler(stream.format, 'mono', 16_000, frame_size=stream.frame_size or None)
      for part in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(stream.encode(part))
      out.mux(stream.encode(None))
    found[name] = file.getvalue()
  file = io.BytesIO()
  soundfile.write(file, samples, 16_000, format='OGG')
  return {**found, 'ogg': file.getvalue()}


def pictures() -> dict[str, bytes]:
  """A picture of smooth noise in every format."""
  from PIL import Image

  small = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
  picture = Image.fromarray(small).resize((256, 256), Image.Resampling.BICUBIC)
  found = {}
  for name, kind in PICTURE_FORMATS.items():
    file = io.BytesIO()
    picture.save(file, kind)
    found[name] = file.getvalue()
  return found


def mutated(base: dict[str, bytes], rng: np.random.Generator) -> tuple[str, bytes]:
  """(name of the file, its content)."""
  name = str(rng.choice(list(base)))
  data = np.frombuffer(base[name], np.uint8).copy()
  kind = str(rng.choice(KINDS))
  if kind == 'bits':
    at = rng.integers(0, len(data), int(rng.integers(1, 200)))
    data[at] ^= (1 << rng.integers(0, 8, len(at))).astype(np.uint8)
  elif kind == 'cut':
    data = data[: int(rng.integers(0, len(data)))]
  elif kind == 'header':
    at = rng.integers(0, HEADER_BYTES, int(rng.integers(1, 12)))
    data[at] = rng.integers(0, 256, len(at))
  elif kind == 'random':
    kept = int(rng.integers(0, 64))
    data[kept:] = rng.integers(0, 256, len(data) - kept)
  elif kind == 'spliced':
    other = np.frombuffer(base[str(rng.choice(list(base)))], np.uint8)
    data = np.concatenate(
      [data[: int(rng.integers(0, len(data)))], other[int(rng.integers(0, len(other))) :]]
    )
  elif kind == 'sizes':  # extreme numbers in the header
    for at in rng.integers(0, HEADER_BYTES - 4, int(rng.integers(1, 4))):
      data[at : at + 4] = rng.choice([0, 255, 127, 128], 4 if rng.integers(2) else 1)
  ending = str(rng.choice(list(base))) if kind == 'name' else name
  return f'{kind}.{ending}', data.tobytes()


def decode(path: pathlib.Path, is_sound: bool) -> str:
  """Decodes a file as the library does; returns what it was."""
  from seetalk_jax.media import audio, face, image

  if is_sound:
    speech = audio.load_speech(path)
    samples = sum(len(block) for block in speech.sound.open_blocks())
    return f'{speech.seconds:.2f} s, {samples} samples'
  image.load_image(path)
  return f'{face.aligned_portrait(path, 256, aligned=True).shape}'


def child(connection) -> None:
  """Decodes files until the connection is closed."""
  from seetalk_jax.errors import InputError

  while True:
    try:
      path, is_sound = connection.recv()
    except EOFError:
      return
    pathlib.Path('/proc/self/clear_refs').write_text('5')  # VmHWM begins anew
    began = time.perf_counter()
    try:
      result, detail = 'decoded', decode(path, is_sound)
    except InputError as error:
      result, detail = 'refused', str(error)
    except BaseException:
      result, detail = 'traceback', traceback.format_exc()
    status = pathlib.Path('/proc/self/status').read_text()
    peak = int(re.search(r'VmHWM:\s+(\d+)', status)[1]) / 1024
    connection.send(Outcome(result, detail, time.perf_counter() - began, peak))


class Decoder:
  """A process that decodes, replaced after a hang or a death."""

  def __init__(self):
    self._process = None

  def __call__(self, path: pathlib.Path, is_sound: bool) -> Outcome:
    if self._process is None:
      spawn = multiprocessing.get_context('spawn')
      self._connection, theirs = spawn.Pipe()
      self._process = spawn.Process(target=child, args=(theirs,), daemon=True)
      self._process.start()
      theirs.close()
      self._ask(path.with_name('warm-up'), is_sound, 60)  # imports
    return self._ask(path, is_sound, HANG_SECONDS)

  def _ask(self, path: pathlib.Path, is_sound: bool, seconds: float) -> Outcome:
    try:
      self._connection.send((path, is_sound))
      if self._connection.poll(seconds):
        return self._connection.recv()
      outcome = Outcome('hang', '', seconds, 0)
    except (EOFError, OSError):
      outcome = Outcome('died', '', 0, 0)
    self._process.kill()
    self._process.join()
    self._process = None
    return outcome


def run(count: int, base: dict[str, bytes], is_sound: bool, seed: int, bad: pathlib.Path) -> bool:
  """Decodes mutated files; prints counts, and keeps those with other results in `bad`. Returns whether all is well."""
  rng, decoder = np.random.default_rng(seed), Decoder()
  results, seconds, peaks, wrong = collections.Counter(), [], [], 0
  with tempfile.TemporaryDirectory() as folder:
    for number in range(count):
      name, data = mutated(base, rng)
      path = pathlib.Path(folder) / f'{number}-{name}'
      path.write_bytes(data)
      outcome = decoder(path, is_sound)
      path.unlink()
      results[outcome.result] += 1
      seconds.append(outcome.seconds)
      peaks.append(outcome.peak_mib)
      lines = outcome.detail.count('\n')
      if (
        outcome.result not in ('decoded', 'refused')
        or outcome.peak_mib > MEMORY_MIB
        or (outcome.result == 'refused' and lines)
      ):
        wrong += 1
        bad.mkdir(parents=True, exist_ok=True)
        (bad / path.name).write_bytes(data)
        print(f'{path.name}: {outcome.result}, {outcome.peak_mib:.0f} MiB\n{outcome.detail}', flush=True)
  print(
    f'{count} {"sounds" if is_sound else "pictures"}: {dict(results)}; slowest {max(seconds):.2f} s, largest process '
    f'{max(peaks):.0f} MiB, {wrong} wrong',
    flush=True,
  )
  return not wrong


def serve(count: int, seed: int) -> bool:
  """Sends mutated files to a server; returns whether all answers are right."""
  from seetalk_jax.testing import tiny_release

  rng, statuses, wrong, slowest = np.random.default_rng(seed), collections.Counter(), 0, 0.0
  voices, faces = sounds(), pictures()
  with server_process.running(tiny_release.live()) as client:
    for number in range(count):
      files = {'speech': mutated(voices, rng)}
      if number % 4 == 3:
        files = {'speech': ('a.wav', voices['wav']), 'portrait': mutated(faces, rng)}
      began = time.perf_counter()
      answer = client.post('/v1/jobs', files=files, data={'aligned': 'true'})
      slowest = max(slowest, time.perf_counter() - began)
      statuses[answer.status_code] += 1
      if answer.status_code == 202:
        client.delete(f'/v1/jobs/{answer.json()["id"]}')
      elif (
        answer.status_code not in (413, 422)
        or '\n' in answer.json()['detail']
        or '/' in answer.json()['detail']
      ):
        wrong += 1
        print(f'{files}'[:80], answer.status_code, answer.text)
    values = server_process.metrics(client)
  memory = [values[f'seetalk_resident_bytes{{process="{name}"}}'] / 2**20 for name in ('server', 'worker')]
  print(
    f'{count} through the server: {dict(statuses)}; slowest {slowest:.2f} s, server {memory[0]:.0f} MiB, worker '
    f'{memory[1]:.0f} MiB, {values["seetalk_worker_restarts_total"]:.0f} restarts, {wrong} wrong'
  )
  return not wrong


def main() -> None:
  """Runs all parts."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--sounds', type=int, default=2000)
  parser.add_argument('--pictures', type=int, default=500)
  parser.add_argument('--served', type=int, default=200)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument(
    '--bad', type=pathlib.Path, default=pathlib.Path('mutated'), help='wrong files are kept here'
  )
  options = parser.parse_args()
  well = run(options.sounds, sounds(), True, options.seed, options.bad) if options.sounds else True
  well = (
    run(options.pictures, pictures(), False, options.seed, options.bad) if options.pictures else True
  ) and well
  well = (serve(options.served, options.seed) if options.served else True) and well
  raise SystemExit(not well)


if __name__ == '__main__':
  main()
