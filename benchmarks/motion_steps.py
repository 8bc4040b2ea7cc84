"""Sampling steps of motion: lips, life and time for several numbers of steps and spacings of their times.

  seetalk corpus data/talks --kind talks --split validation --num 64
  python benchmarks/motion_steps.py data/talks --steps 1 2 3 4 6 8 10 20

Every setting samples the motion of all talks with the same noise. Motion is read from the latents, so nothing is drawn
and no reader adds an error. Columns: network calls of a window, milliseconds per second of speech (median of the
rounds, in which the settings take turns), median r of the mouth's opening with the truth without and with lip
refinement, and over the truth's: standard deviation of the opening, of yaw, pitch, roll and of the lids, and the rate
of blinks.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from seetalk_jax import constants
from seetalk_jax.data import schema, sources
from seetalk_jax.evaluation.measures import series
from seetalk_jax.evaluation.parts import life
from seetalk_jax.evaluation.probes import rendered, worlds
from seetalk_jax.inference import pipeline
from seetalk_jax.releases.networks import Networks
from seetalk_jax.sampling import motion as sampling

SPACINGS = {'range': sampling.SPACING, 'trailing': 'trailing', 'karras': 'karras'}
COLUMNS = ('calls', 'ms/s', 'r', 'refined', 'opening', 'yaw', 'pitch', 'roll', 'lids', 'blinks')


class Talk(NamedTuple):
  """Tokens `[1, n, token_dim]` and true motion vectors `[n, 58]`."""

  tokens: jax.Array
  motion: np.ndarray


def read_talks(corpus_dir: str, networks: Networks) -> Iterator[Talk]:
  """The validation talks of a corpus."""
  encoder, params = networks.modules['speech_encoder'], networks.params['speech_encoder']
  encode = jax.jit(lambda speech: encoder.apply({'params': params}, speech, method='encode_tokens')[0])
  records = sources.RecordSource(corpus_dir, 'talks', 'validation')
  for record in (records[i] for i in range(len(records))):
    speech = schema.to_waveform(record.audio)
    yield Talk(encode(speech[None]), record.speech_motion)


class Measurement:
  """Motion of talks by a release, and its figures.

  Args:
    networks: the release.
    talks: what is spoken.
    guidance_scale: of the speech.
  """

  def __init__(self, networks: Networks, talks: Sequence[Talk], guidance_scale: float):
    self._networks, self.talks, self._guidance = networks, talks, guidance_scale
    self._world = worlds.MeasuredHumanWorld()
    codec = networks.modules['motion_codec']
    self._codec = functools.partial(codec.apply, {'params': networks.params['motion_codec']})
    self._read = jax.jit(functools.partial(self._codec, method='read_truth'))
    self._refine = sampling.jit_refiner(networks.modules['lip_refiner'])
    rest = np.zeros((1, constants.MOTION_DIM), np.float32)
    self._m_0 = self._codec(rest, method='encode_truth')

  def sampler(self, num_steps: int, spacing: str) -> Callable[[int], jax.Array]:
    """A compiled function of a talk's number: its motion latents `[1, n, d]`."""
    make = functools.cache(functools.partial(sampling.jit_sampler, spacing=SPACINGS[spacing]))

    def run(number: int, seed: int = 0) -> jax.Array:
      return sampling.sample_motion(
        self._networks.modules,
        self._networks.params,
        self._networks.statistics,
        self.talks[number].tokens,
        self._m_0,
        jax.random.fold_in(jax.random.key(seed), number),
        num_steps=num_steps,
        guidance_scale=self._guidance,
        make_sampler=make,
      )

    return run

  def figures(self, run: Callable[..., jax.Array], seeds: int) -> list[float]:
    """The columns after the time, over all talks and seeds."""
    networks, read, refined, true = self._networks, [], [], []
    for number, talk in enumerate(self.talks):
      for seed in range(seeds):
        motion = run(number, seed)
        better = sampling.refine_lips(
          networks.modules, networks.params, motion, talk.tokens, run=self._refine
        )
        tracks = read, refined, true
        for track, values in zip(
          tracks, (self._read(motion)[0], self._read(better)[0], talk.motion), strict=True
        ):
          track.append(np.asarray(values))
    opening, opening_refined, opening_true = (
      [self._world.opening(track) for track in tracks] for tracks in (read, refined, true)
    )
    agreements = [
      np.median([series.correlation(a, b) for a, b in zip(made, opening_true, strict=True) if np.ptp(b) > 0])
      for made in (opening, opening_refined)
    ]
    *turns, blinks = life.life_figures(
      [track[:, constants.POSE] for track in read],
      [track[:, constants.POSE] for track in true],
      [rendered.blink_track(track) for track in read],
      [rendered.blink_track(track) for track in true],
      reader_error=dict.fromkeys(life.AXES, 0.0),
    )
    lids = _spread([rendered.blink_track(t) for t in read], [rendered.blink_track(t) for t in true])
    return [
      *agreements,
      _spread(opening_refined, opening_true),
      *(turn.value for turn in turns),
      lids,
      blinks.value,
    ]


def _spread(made: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> float:
  """Standard deviation of series over the truth's, root mean squares over the series."""
  return float(np.sqrt(np.mean([x.var() for x in made]) / np.mean([x.var() for x in true])))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('corpus', help='folder of validation talks')
  parser.add_argument('--steps', type=int, nargs='+', default=[4, 20])
  parser.add_argument('--spacings', nargs='+', choices=SPACINGS, default=list(SPACINGS))
  parser.add_argument('--checkpoint', default='demo')
  parser.add_argument('--guidance', type=float, help="guidance scale of the speech (default: the release's)")
  parser.add_argument('--seeds', type=int, default=2, help='tracks of each talk (default 2)')
  parser.add_argument('--rounds', type=int, default=9, help='measurements of time (default 9)')
  options = parser.parse_args()
  release = pipeline.load(options.checkpoint).release
  scale = release.sampling().motion_guidance if options.guidance is None else options.guidance
  measured = Measurement(release.networks, list(read_talks(options.corpus, release.networks)), scale)
  settings = [(spacing, steps) for spacing in options.spacings for steps in options.steps]
  runs = {setting: measured.sampler(setting[1], setting[0]) for setting in settings}
  seconds = measured.talks[0].tokens.shape[1] / constants.FPS
  times = {setting: [] for setting in settings}
  for _ in range(1 + options.rounds):  # the first compiles
    for setting, run in runs.items():
      start = time.perf_counter()
      jax.block_until_ready(run(0))
      times[setting].append(time.perf_counter() - start)
  print(f'{len(measured.talks)} talks, {options.seeds} seeds, guidance {scale:g}')
  print(f'{"spacing":9s}{"steps":>6s}' + ''.join(f'{name:>9s}' for name in COLUMNS))
  for (spacing, steps), run in runs.items():
    calls = steps * (1 if scale == 1 else 2)
    took = 1000 * statistics.median(times[spacing, steps][1:]) / seconds
    row = ''.join(f'{value:9.3f}' for value in measured.figures(run, options.seeds))
    print(f'{spacing:9s}{steps:6d}{calls:9d}{took:9.1f}{row}', flush=True)


if __name__ == '__main__':
  main()
