"""Load of a server: many jobs of many clients beside live sessions, with a tiny release.

  python -m benchmarks.server_load --jobs 200 --clients 20 --sessions 4 --seconds 60

Every job has a tone and a seed of its own; its video must have them. Every session pushes bursts of its own tone at the
pace of the clock, and its video must have these and no others. Printed: jobs lost or mixed up, memory of server and
worker over time, and of the sessions: delay from the push of a burst to the arrival of its first frame, and how often
the player would have waited.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
import statistics
import threading
import time
from typing import NamedTuple

import av
import httpx
import numpy as np

from benchmarks import server_process
from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.media import live_video
from seetalk_jax.testing import tiny_release

PUSH_SECONDS = 0.1
BURST_EVERY, BURST_SECONDS = 5.0, 1.0
LOUD = 0.05  # RMS of a frame of a burst


def tone(seconds: float, hz: float) -> np.ndarray:
  """A tone, float32 `[n]`."""
  return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)).astype(
    'f4'
  )


def wav(samples: np.ndarray) -> bytes:
  """A wav file."""
  import soundfile

  file = io.BytesIO()
  soundfile.write(file, samples, SAMPLE_RATE_HZ, format='WAV')
  return file.getvalue()


def sound_of(data: bytes) -> tuple[np.ndarray, int]:
  """The sound track of a video, `[n]`, and its rate."""
  with av.open(io.BytesIO(data)) as file:
    rate = file.streams.audio[0].rate
    return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)]), rate


def pitch_of(samples: np.ndarray, rate: int) -> float:
  """The strongest frequency in Hz."""
  spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
  return float(np.argmax(spectrum)) * rate / (8 * len(samples))


class Job(NamedTuple):
  """A job of the load: its number tells its tone and seed."""

  number: int

  @property
  def hz(self) -> float:
    return 200.0 + 10 * self.number

  def run(self, client: httpx.Client) -> str:
    """Sends it and checks its result; 'right', or what is wrong."""
    upload = {'speech': (f'{self.number}.wav', wav(tone(0.8, self.hz)))}
    while True:
      made = client.post('/v1/jobs', files=upload, data={'seed': self.number})
      if made.status_code != 503:
        break
      time.sleep(0.5)
    if made.status_code != 202:
      return f'refused: {made.text}'
    path = f'/v1/jobs/{made.json()["id"]}'
    last = ''
    with client.stream('GET', f'{path}/events', timeout=1200) as events:
      for line in events.iter_lines():
        last = line.removeprefix('event: ') if line.startswith('event: ') else last
    if last != 'done':
      return f'lost: {client.get(path).text}'
    data = client.get(f'{path}/video').content
    with av.open(io.BytesIO(data)) as file:
      comment = file.metadata['comment']
      frames = sum(1 for _ in file.decode(video=0))
    client.delete(path)
    found = pitch_of(*sound_of(data))
    if f'seed {self.number};' not in comment or abs(found - self.hz) > 4 or frames != 20:
      return f'mixed up: {found:.1f} Hz for {self.hz} Hz, {frames} frames, {comment}'
    return 'right'


class Live(NamedTuple):
  """What a live session showed.

  Attributes:
    delays: seconds from the push of a burst to the arrival of its first frame.
    waits: seconds that the player had nothing to show.
    seconds: of video.
    wrong: bursts of another tone.
  """

  delays: list[float]
  waits: float
  seconds: float
  wrong: int


def live(client: httpx.Client, number: int, seconds: float, chunk: float) -> Live:
  """Runs a session for some seconds."""
  hz = 500.0 + 250 * number
  face = {'speech': ('voice.wav', wav(tone(0.8, hz)))}
  opened = client.post('/v1/sessions', files=face, data={'chunk': chunk, 'seed': number}, timeout=600)
  opened.raise_for_status()
  path, parts, bursts = f'/v1/sessions/{opened.json()["id"]}', [], []

  def read() -> None:
    with client.stream('GET', f'{path}/video', timeout=600) as video:
      for part in video.iter_raw():
        parts.append((time.monotonic(), part))

  reading = threading.Thread(target=read)
  reading.start()
  began, pushed, burst = time.monotonic(), 0.0, tone(BURST_SECONDS, hz)
  while pushed < seconds:
    time.sleep(max(0.0, began + pushed - time.monotonic()))
    at = pushed % BURST_EVERY - 1.0  # the first burst after a second
    samples = np.zeros(round(PUSH_SECONDS * SAMPLE_RATE_HZ), 'f4')
    if 0 <= round(at, 3) < BURST_SECONDS:
      first = round(at * SAMPLE_RATE_HZ)
      samples = burst[first : first + len(samples)]
      if first == 0:
        bursts.append(time.monotonic())
    content = (samples * 32767).astype('<i2').tobytes()
    client.post(f'{path}/audio', content=content).raise_for_status()
    pushed = round(pushed + PUSH_SECONDS, 3)
  time.sleep(3 * chunk)
  client.delete(path)
  reading.join()
  return measured(parts, bursts, hz)


def measured(parts: list[tuple[float, bytes]], bursts: list[float], hz: float) -> Live:
  """Figures of the bytes of a video with their times of arrival."""
  data = b''.join(part for _, part in parts)
  ends = np.cumsum([len(part) for _, part in parts])
  arrivals, frames, at, header, pending = [], [], 0, b'', b''
  for name, box in live_video.boxes(data):
    at += len(box)
    if name in ('ftyp', 'moov'):
      header += box
    elif name == 'moof':
      pending = box
    else:
      with av.open(io.BytesIO(header + pending + box)) as file:
        frames.append(sum(1 for _ in file.decode(video=0)))
      arrivals.append(parts[int(np.searchsorted(ends, at))][0])
  until = np.cumsum(frames)
  shown, waits = arrivals[0], 0.0
  for arrival, count in zip(arrivals, frames, strict=True):
    waits += max(0.0, arrival - shown)
    shown = max(shown, arrival) + count / FPS
  samples, rate = sound_of(data)
  step = rate // FPS
  level = np.sqrt(np.mean(samples[: len(samples) // step * step].reshape(-1, step) ** 2, axis=1))
  loud = level > LOUD
  starts = [i for i in np.flatnonzero(loud) if not loud[max(0, i - 10) : i].any()]
  wrong = sum(abs(pitch_of(samples[(i + 3) * step : (i + 18) * step], rate) - hz) > 20 for i in starts)
  delays = [
    arrivals[int(np.searchsorted(until, start, side='right'))] - pushed
    for start, pushed in zip(starts, bursts, strict=False)
  ]
  return Live(delays, waits, until[-1] / FPS, wrong + abs(len(starts) - len(bursts)))


def main() -> None:
  """Runs the load and prints the figures."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--checkpoint', help='of the server; a tiny release if left out')
  parser.add_argument('--jobs', type=int, default=200)
  parser.add_argument('--clients', type=int, default=20)
  parser.add_argument('--sessions', type=int, default=4)
  parser.add_argument('--seconds', type=float, default=60.0, help='of a session')
  parser.add_argument('--chunk', type=float, default=0.8, help='seconds of a chunk')
  options = parser.parse_args()
  memory: list[tuple[float, float, float]] = []
  with server_process.running(
    options.checkpoint or tiny_release.live(), '--sessions', str(max(1, options.sessions)), '--queue', '16'
  ) as client:
    began, over = time.monotonic(), threading.Event()

    def watch() -> None:
      while not over.wait(5):
        values = server_process.metrics(client)
        row = (values[f'seetalk_resident_bytes{{process="{name}"}}'] / 2**20 for name in ('server', 'worker'))
        memory.append((time.monotonic() - began, *row))

    threading.Thread(target=watch, daemon=True).start()
    with concurrent.futures.ThreadPoolExecutor(options.clients + options.sessions) as pool:
      lives = [
        pool.submit(live, client, number, options.seconds, options.chunk)
        for number in range(options.sessions)
      ]
      results = list(pool.map(lambda number: Job(number).run(client), range(options.jobs)))
      spent = time.monotonic() - began
      shown = [future.result() for future in lives]
    over.set()
    values = server_process.metrics(client)
  wrong = [result for result in results if result != 'right']
  print(f'{len(results)} jobs of {options.clients} clients in {spent:.0f} s: {len(wrong)} lost or mixed up')
  print('\n'.join(wrong[:10]))
  print(f'restarts of the worker: {values["seetalk_worker_restarts_total"]:.0f}')
  print('  time s  server MiB  worker MiB')
  for row in memory[:: max(1, len(memory) // 12)] + memory[-1:]:
    print('{:8.0f} {:11.0f} {:11.0f}'.format(*row))
  for number, found in enumerate(shown):
    print(
      f'session {number}: {found.seconds:.1f} s of video, {len(found.delays)} bursts, {found.wrong} wrong, delay '
      f'{statistics.median(found.delays):.2f} s (largest {max(found.delays):.2f}), player waits {found.waits:.2f} s'
    )
  chunks = values.get('seetalk_chunk_seconds_count', 0)
  if chunks:
    print(f'{chunks:.0f} chunks, mean {values["seetalk_chunk_seconds_sum"] / chunks:.3f} s')


if __name__ == '__main__':
  main()
