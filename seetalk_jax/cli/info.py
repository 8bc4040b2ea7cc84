"""Show what a released checkpoint holds, and check that its files are whole."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from seetalk_jax.releases import provenance as provenance_lib

HELP = 'what a released checkpoint holds'
EXAMPLE = 'seetalk info demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk info`."""
  parser.add_argument(
    'checkpoint', metavar='CHECKPOINT', help="folder of a released checkpoint, 'demo', or hf:OWNER/NAME"
  )
  parser.add_argument(
    '--card',
    action='store_true',
    help='the model card that `seetalk push` writes, on stdout and nothing else',
  )
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')


def run(args: argparse.Namespace) -> None:
  """Prints a table, the model card, or seetalk.json with totals."""
  from seetalk_jax.releases import hub, model_card, storage

  if args.card:
    name = args.checkpoint
    print(model_card.write(name, hub.parse(name).repository if name.startswith(hub.PREFIX) else ''), end='')
    return
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
  _print_networks(info['networks'], total)
  followed = info['networks'].get('motion_transformer', {}).get('fields', {}).get('controls', [])
  provenance = dict(info.get('provenance', {}))
  stages = provenance.pop('stages', {})
  facts = [('motion controls', ', '.join(followed) or 'none')]
  facts += [(name, f'{value:g}') for name, value in info['sampling'].items()]
  facts += [(name, f'{value:g}') for name, value in info['statistics']['values'].items()]
  facts += [(name, f'array {list(shape)}') for name, shape in shapes.items()]
  facts += [(f'stage {stage}', f'{told.get("steps", "?")} steps') for stage, told in stages.items()]
  consents = dict.fromkeys(entry['consent'] for entry in info['networks'].values() if 'consent' in entry)
  facts += [('consent', text) for text in consents]
  facts += [('adapted to', _describe_adaptation(record)) for record in provenance.pop('adaptations', [])]
  facts += [(key, json.dumps(value)) for key, value in provenance.items()]
  _print_columns(facts)


def _describe_adaptation(record: Mapping[str, Any]) -> str:
  """One adaptation to a person in a line: recordings, and PSNR on held-out frames."""
  photos, seconds = record.get('photos', 0), record.get('video_seconds', 0)
  text = f'one person: {photos} photo{"s" if photos != 1 else ""}, {seconds:g} s of video'
  before, after = record.get('psnr_before'), record.get('psnr_after')
  return text if before is None or after is None else f'{text}, PSNR {before:.2f} to {after:.2f} dB'


def _print_networks(networks: Mapping[str, Mapping[str, Any]], total: int) -> None:
  """Table of the networks, with licence and origin."""
  rows = [('network', 'class', 'parameters', 'dtype', 'licence', 'origin')]
  for name, entry in networks.items():
    notes = provenance_lib.notes_of(entry)
    rows.append(
      (
        name,
        entry['class'],
        f'{entry["num_parameters"]:,}',
        entry['dtype'],
        notes['licence'],
        notes['origin'],
      )
    )
  rows.append(('total', '', f'{total:,}', '', '', ''))
  _print_columns(rows, right=2)


def _print_columns(rows: Sequence[Sequence[str]], right: int | None = None) -> None:
  """Prints rows in columns as wide as their longest cells, two spaces apart; column `right` is aligned right."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  for row in rows:
    cells = [
      cell.rjust(width) if i == right else cell.ljust(width)
      for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    print('  '.join(cells).rstrip())
