"""Live sessions: time of a chunk, delay, and motion in silence and speech beside that of a clip.

  python -m benchmarks.live examples/speech.wav --portrait face.png --part motion
  python -m benchmarks.live examples/speech.wav --portrait face.png --part time --chunks 0.32 0.64 0.8

`motion` draws no frames: silence, the speech and silence again, live and as a clip. `time` pushes audio in steps of
20 ms at the pace of the clock, and pulls what is ready: whether the session keeps up. `cores needed` are
seconds of CPU per second of video, which other work on the machine changes less than the times.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.evaluation.measures import series
from seetalk_jax.inference import live_motion, pipeline
from seetalk_jax.inference.controls import ResolvedControls
from seetalk_jax.inference.live_audio import LiveAudio
from seetalk_jax.media import audio

CLOSED = 0.5  # of eyeBlinkLeft and eyeBlinkRight
PUSH_SECONDS = 0.02


def live_latents(pipe, portrait: np.ndarray, waveform: np.ndarray, chunk: int, lookahead: int, seed: int):
  """Motion latents `[n, motion_dim]` of a live session that gets the whole waveform."""
  with pipe.release.computing():
    pipe._renderer.prepare(pipe.side)
    m_0 = pipe._renderer.encode_portrait(portrait).m_0
    options, controls = pipe.release.sampling(), ResolvedControls()
    how = dict(chunk=chunk, lookahead=lookahead)
    motion = live_motion.LiveMotion(pipe.release, pipe._motion_sampler, m_0, seed, options, controls, **how)
    waiting, found = LiveAudio(len(waveform) / SAMPLE_RATE_HZ + 1), []
    waiting.push(waveform)
    waiting.end()
    while (taken := waiting.take(chunk, lookahead)) is not None:
      found.append(motion.next(taken))
  return np.concatenate(found)


def describe(pipe, latents: np.ndarray) -> str:
  """Jaw, blinks a minute, head and steps of motion latents, as columns."""
  controls = pipe.controls_of(latents)
  jaw = controls['jawOpen']
  lids = (controls['eyeBlinkLeft'] + controls['eyeBlinkRight']) / 2 > CLOSED
  blinks = int(np.sum(lids[1:] & ~lids[:-1]))
  yaw = np.degrees(controls['yaw'])
  steps = np.linalg.norm(np.diff(latents, axis=0), axis=-1)
  return (
    f'{jaw.mean():7.3f} {np.quantile(jaw, 0.95):7.3f} {60 * blinks * FPS / len(jaw):7.1f} {yaw.std():7.2f} '
    f'{np.median(steps):7.2f} {steps.max():7.2f}'
  )


def measure_motion(pipe, portrait, waveform, options) -> None:
  """Prints rows for the silence before, the speech and the silence after it."""
  silent = round(options.silence * FPS)
  rest = -len(waveform) % SAMPLES_PER_FRAME
  speech = np.pad(waveform, (0, rest))
  quiet = np.zeros(silent * SAMPLES_PER_FRAME, np.float32)
  whole = np.concatenate([quiet, speech, quiet])
  rows = {'clip': pipe._motion_sampler, 'live': None}
  n = len(speech) // SAMPLES_PER_FRAME
  parts = {'before': slice(0, silent), 'speech': slice(silent, silent + n), 'after': slice(silent + n, None)}
  print('                 jaw  95 %  blinks/min  yaw sd  step  largest step')
  for name in rows:
    began = time.perf_counter()
    if name == 'clip':
      latents = clip_latents(pipe, portrait, whole, options.seed)
    else:
      chunk = round(options.chunks[0] * FPS)
      latents = live_latents(pipe, portrait, whole, chunk, round(options.lookahead * FPS), options.seed)
    for part, frames in parts.items():
      print(f'{name:5} {part:7} {describe(pipe, latents[frames])}', flush=True)
    steps = np.linalg.norm(np.diff(latents, axis=0), axis=-1)
    if name == 'live':
      borders = np.arange(len(steps)) % chunk == chunk - 1
      print(
        f'steps at borders of chunks {np.median(steps[borders]):.2f}, others {np.median(steps[~borders]):.2f}'
      )
    jaw = pipe.controls_of(latents)['jawOpen'][parts['speech']]
    rows[name] = jaw
    print(f'{name} {time.perf_counter() - began:.1f} s', flush=True)
  print(f'jaw opening in speech, r of live and clip: {series.correlation(rows["live"], rows["clip"]):.2f}')


def clip_latents(pipe, portrait, waveform, seed):
  """Motion latents of a clip; no frame is drawn."""
  return pipe(audio.speech_from_array(waveform), seed=seed, portrait=portrait).motion


def measure_time(pipe, portrait, waveform, options) -> None:
  """Prints time of a chunk, delay and how far a session falls behind, for each length of chunks."""
  speech = np.resize(waveform, round(options.seconds * SAMPLE_RATE_HZ))
  print('chunk s  median s   p95 s  delay s  frames/s  most behind s  cores needed')
  for chunk in options.chunks:
    session = pipe.session(
      portrait, chunk=chunk, lookahead=options.lookahead, max_waiting=3600, seed=options.seed
    )
    spent, behind, pushed, frames, cpu = [], [], 0, 0, 0.0
    step = round(PUSH_SECONDS * SAMPLE_RATE_HZ)
    began = time.perf_counter()
    while pushed < len(speech):
      due = min(len(speech), int((time.perf_counter() - began) * SAMPLE_RATE_HZ))
      while pushed + step <= due or (due == len(speech) and pushed < due):
        session.push(speech[pushed : pushed + step])
        pushed += step
      start, cpu_start = time.perf_counter(), time.process_time()
      made = session.pull()
      if made is None:
        time.sleep(PUSH_SECONDS / 2)
        continue
      spent.append(time.perf_counter() - start)
      cpu += time.process_time() - cpu_start
      frames += len(made.frames)
      # Audio that waits beyond what the next chunk needs.
      needed = (session.chunk_frames + session.lookahead_frames) / FPS
      behind.append(max(0.0, session.waiting - needed))
    rate = frames / sum(spent)
    print(
      f'{session.chunk_frames / FPS:7.2f} {statistics.median(spent):9.3f} {np.quantile(spent, 0.95):7.3f} '
      f'{session.delay:8.2f} {rate:9.1f} {max(behind):14.2f} {cpu / (frames / FPS):13.2f}',
      flush=True,
    )
    session.close()


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('speech')
  parser.add_argument('--portrait', required=True, help='picture of a face')
  parser.add_argument('--aligned', action='store_true', help='the picture is a portrait crop')
  parser.add_argument('--checkpoint', default='demo')
  parser.add_argument('--part', choices=['motion', 'time'], required=True)
  parser.add_argument('--chunks', type=float, nargs='+', default=[0.64], help='seconds')
  parser.add_argument('--lookahead', type=float, default=0.4, help='seconds')
  parser.add_argument('--silence', type=float, default=20.0, help='seconds before and after the speech')
  parser.add_argument('--seconds', type=float, default=30.0, help='of speech, repeated')
  parser.add_argument('--seed', type=int, default=0)
  options = parser.parse_args()
  pipe = pipeline.load(options.checkpoint, cache=True)
  portrait = pipe.read_portrait(options.portrait, aligned=options.aligned)
  waveform = audio.load_speech(options.speech).waveform
  {'motion': measure_motion, 'time': measure_time}[options.part](pipe, portrait, waveform, options)


if __name__ == '__main__':
  main()
