"""Show what a released checkpoint holds, and check that its files are whole."""

from __future__ import annotations

import argparse
import json

HELP = 'what a released checkpoint holds'
EXAMPLE = 'seetalk info demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk info`."""
  parser.add_argument('checkpoint', metavar='CHECKPOINT', help="folder of a released checkpoint, or 'demo'")
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')


def run(args: argparse.Namespace) -> None:
  """Prints a table, or seetalk.json with totals."""
  from seetalk_jax.releases import storage

  directory, info = storage.read_info(args.checkpoint)
  shapes = storage.verify(args.checkpoint)
  total = sum(entry['num_parameters'] for entry in info['networks'].values())
  if args.json:
    print(json.dumps({'directory': str(directory), 'num_parameters': total, 'intact': True, **info}))
    return
  version = info.get('library_version', '?')
  print(
    f'{directory} (release format {info["format_version"]}, written by seetalk-jax {version}), files intact'
  )
  print(f'{"network":<26}{"class":<26}{"parameters":>12}  {"dtype":<8}  licence; origin')
  for name, entry in info['networks'].items():
    print(
      f'{name:<26}{entry["class"]:<26}{entry["num_parameters"]:>12,}  {entry["dtype"]:<8}  '
      f'{entry["licence"]}; {entry["origin"]}'
    )
  print(f'{"total":<52}{total:>12,}')
  followed = info['networks'].get('motion_transformer', {}).get('fields', {}).get('controls', [])
  print(f'{"motion controls":<26}{", ".join(followed) or "none"}')
  for name, value in info['statistics']['values'].items():
    print(f'{name:<26}{value:g}')
  for name, shape in shapes.items():
    print(f'{name:<26}array {list(shape)}')
  for key, value in info['provenance'].items():
    text = json.dumps(value)
    print(f'{key:<26}{text if len(text) <= 80 else text[:77] + "..."}')
