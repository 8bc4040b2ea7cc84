"""Time of `seetalk generate` by stage: medians over rounds in which the checkpoints take turns.

  python benchmarks/generate.py examples/speech.wav demo runs/demo/release
  python benchmarks/generate.py examples/speech.wav demo --cold --rounds 1

Warm: one process, programs compiled, the video written each round. --cold: a fresh process for every clip, with an
empty compilation cache and then with the filled one. Times are wall seconds of all cores that the process may use.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

TOTAL = 'whole'


def warm(speech: str, checkpoints: list[str], rounds: int) -> dict[str, dict[str, list[float]]]:
  """Checkpoint -> stage -> seconds of each round, after one round that compiles."""
  from seetalk_jax import SeeTalk

  pipes = {name: SeeTalk.load(name) for name in checkpoints}
  seconds = {name: collections.defaultdict(list) for name in checkpoints}
  with tempfile.TemporaryDirectory() as folder:
    for number in range(rounds + 1):
      for name, pipe in pipes.items():
        began = time.perf_counter()
        clip = pipe(speech)
        clip.save(pathlib.Path(folder) / f'{number}.mp4')
        if number:
          seconds[name][TOTAL].append(time.perf_counter() - began)
          for stage, spent in clip.stage_seconds.items():
            seconds[name][stage].append(spent)
  return seconds


def cold(speech: str, checkpoints: list[str], rounds: int) -> dict[str, dict[str, list[float]]]:
  """Checkpoint -> 'first run' and 'next run' -> seconds of the command from its start to its end."""
  seconds = {name: collections.defaultdict(list) for name in checkpoints}
  for _ in range(rounds):
    for name in checkpoints:
      with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, '-m', 'seetalk_jax', 'generate', speech, '--checkpoint', name, '--json']
        environment = {**os.environ, 'JAX_COMPILATION_CACHE_DIR': os.path.join(folder, 'cache')}
        for run in ('first run', 'next run'):
          began = time.perf_counter()
          output = ['-o', os.path.join(folder, f'{run}.mp4')]
          done = subprocess.run([*command, *output], env=environment, check=True, stdout=subprocess.PIPE)
          seconds[name][run].append(time.perf_counter() - began)
          for stage, spent in json.loads(done.stdout).get('stage_seconds', {}).items():
            seconds[name][f'{run}: {stage}'].append(spent)
  return seconds


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('speech', help='speech recording')
  parser.add_argument('checkpoints', nargs='+', metavar='CHECKPOINT', help='released networks, or demo')
  parser.add_argument('--rounds', type=int, default=3, help='default 3')
  parser.add_argument('--cold', action='store_true', help='fresh processes')
  args = parser.parse_args()
  from seetalk_jax.media import audio

  length = audio.load_speech(args.speech).seconds
  measured = (cold if args.cold else warm)(args.speech, args.checkpoints, args.rounds)
  print(f'{length:.1f} s of speech, median of {args.rounds}')
  for name, stages in measured.items():
    for stage, values in stages.items():
      median = statistics.median(values)
      print(f'{name:28}{stage:24}{median:8.2f} s{median / length:8.2f} s per second of speech')


if __name__ == '__main__':
  main()
