"""Cost of the human world: CPU seconds to prepare a person and to render a picture, and the bytes of records.

  python benchmarks/human_world.py --people 8

Compilation is not counted. The aims are 2 s for a person, 0.25 s for a picture of 256 px and 0.8 s for 512 px, hair,
beard, clothes and shadows included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic import speakers
from seetalk_jax.synthetic.human import people, person, render, rig, scene

AIMS = {'bake': 2.0, '256': 0.25, '512': 0.8}


def measure(num_people: int, sizes: tuple[int, ...]) -> dict[str, list[float]]:
  """CPU seconds of every person by what was measured: `bake`, and the sizes in pixels."""
  arrays = person.shared()
  run = jax.jit(render.render, static_argnames='size')
  spent = {name: [] for name in ('bake', *map(str, sizes))}
  for number in range(num_people + 1):
    appearance = people.sample(speakers.sample_speaker(number), number)
    rng = np.random.default_rng(number)
    place = scene.sample_scene(rng, np.float32(people.EYES), np.float32([0, 6.2, 1.4]))
    coefficients = jnp.asarray(np.float32(0.3 * rng.random(52)))
    pose = rig.Pose(jnp.asarray(0.2 * rng.standard_normal(3), jnp.float32), jnp.zeros(3))
    began = time.process_time()
    baked = jax.block_until_ready(person.bake(appearance))
    costs = {'bake': time.process_time() - began}
    for size in sizes:
      began = time.process_time()
      jax.block_until_ready(run(baked, coefficients, pose, place, arrays, size=size).image)
      costs[str(size)] = time.process_time() - began
    if number:  # the first one compiles
      for name, seconds in costs.items():
        spent[name].append(seconds)
  return spent


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--people', type=int, default=8, metavar='N', help='people to measure (default 8)')
  parser.add_argument('--sizes', type=int, nargs='+', default=[256, 512], metavar='PIXELS')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  options = parser.parse_args()
  spent = measure(options.people, tuple(options.sizes))
  medians = {name: statistics.median(values) for name, values in spent.items()}
  if options.json:
    print(json.dumps({'cpu_seconds': medians, 'people': options.people}))
    return
  for name, value in medians.items():
    aim = f', aim {AIMS[name]}' if name in AIMS else ''
    low, high = min(spent[name]), max(spent[name])
    print(f'{name:5s} {value:6.3f} CPU s ({low:.3f} to {high:.3f}){aim}')


if __name__ == '__main__':
  main()
