"""Paired differences of two evaluations of video folders."""

from __future__ import annotations

import argparse
import json

HELP = 'paired differences of two evaluations of videos'
EXAMPLE = 'seetalk compare runs/ours runs/theirs'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk compare`."""
  parser.add_argument(
    'first',
    metavar='FIRST',
    help='workdir or metrics.json of an evaluation with configs/eval.py or configs/tables.py',
  )
  parser.add_argument('second', metavar='SECOND', help='the same of another one')
  parser.add_argument('--row', default='pred', help='row of the tables to compare (default pred)')
  parser.add_argument(
    '--second-row',
    default='',
    metavar='ROW',
    help='row of SECOND, if it is another one (default: that of --row)',
  )
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')


def run(args: argparse.Namespace) -> None:
  """Prints a table, or the differences as JSON."""
  from seetalk_jax.evaluation.videos import comparison, summary

  metrics = [comparison.read_metrics(path) for path in (args.first, args.second)]
  differences = comparison.compare(*metrics, row=args.row, second_row=args.second_row)
  if args.json:
    measures = {name: each._asdict() | {'clear': each.clear} for name, each in differences.items()}
    print(
      json.dumps(
        summary.plain({'row': args.row, 'second_row': args.second_row or args.row, 'measures': measures}),
        allow_nan=False,
      )
    )
    return
  print(comparison.table(differences))
