"""Render a synthetic corpus: talking heads with their speech and the truth of every frame, for training and tests. Run
the same command again to go on with a broken run. Speech needs the extra synthetic (espeak-ng)."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import time

from seetalk_jax.cli import options
from seetalk_jax.synthetic import kinds

HELP = 'synthetic recordings to a corpus'
EXAMPLE = 'seetalk corpus data/synthetic/corpus/faces --kind faces --frames 4 --num 3000'
_MAX = 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk corpus`."""
  parser.add_argument('out', metavar='OUT_DIR', help='folder of the corpus; may hold other kinds and splits')
  parser.add_argument(
    '--kind',
    choices=kinds.KINDS,
    default='faces',
    help='faces (a portrait, two more frames and 3 s of speech), clips (25 frames and their second of speech) or '
    'talks (8 s of speech with its motion, no frames) (default faces)',
  )
  parser.add_argument(
    '--split', choices=kinds.SPLITS, default='train', help='splits share no speaker (default train)'
  )
  parser.add_argument(
    '--num', type=options.whole(1, _MAX), required=True, metavar='N', help='records to render; even for faces'
  )
  parser.add_argument(
    '--size',
    type=options.whole(16, 2048),
    default=None,
    metavar='N',
    help='side of the frames in pixels, a multiple of 8 (default: 512 for faces, 128 for clips)',
  )
  parser.add_argument(
    '--processes',
    type=options.whole(0, 4096),
    default=os.cpu_count() or 1,
    metavar='N',
    help='worker processes (default: one per core); 0 renders in this process',
  )
  parser.add_argument(
    '--seed',
    type=options.whole(0, options.MAX_SEED),
    default=0,
    metavar='N',
    help='seed of everything but the speakers (default 0)',
  )
  parser.add_argument(
    '--shard-size',
    type=options.whole(2, _MAX),
    default=kinds.SHARD_SIZE,
    metavar='N',
    help=f'records per file, an even number (default {kinds.SHARD_SIZE})',
  )
  parser.add_argument(
    '--records-per-speaker',
    type=options.whole(1, _MAX),
    default=1,
    metavar='N',
    help='records of each speaker (default 1)',
  )
  parser.add_argument(
    '--first-speaker',
    type=options.whole(0, _MAX),
    default=0,
    metavar='N',
    help='speakers of the split to skip, to extend an earlier corpus (default 0)',
  )
  parser.add_argument(
    '--frames',
    type=options.whole(2, 10_000),
    default=None,
    metavar='N',
    help='frames of a record, the portrait of faces included (default: '
    f'{", ".join(f"{kinds.FRAMES[kind]} for {kind}" for kind in kinds.KINDS)})',
  )
  parser.add_argument(
    '--part',
    type=options.part,
    default=(0, 1),
    metavar='I/N',
    help='render only every Nth file, beginning with number I (from 0), as one of N processes, also on several '
    'machines (default 0/1)',
  )
  parser.add_argument(
    '--sketch', action='store_true', help='flat faces and buzzes instead of heads and speech, for dry runs'
  )
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no progress bar')


def run(args: argparse.Namespace) -> None:
  """Renders missing records and prints the totals."""
  options.check_folder(args.out)
  from seetalk_jax.inference import devices
  from seetalk_jax.synthetic import corpus, sketch

  devices.check_platform()  # here, because each worker process would print a traceback
  began = time.monotonic()
  before = _finished(args)
  shards = corpus.render_corpus(
    args.out,
    args.kind,
    args.split,
    args.num,
    size=args.size,
    seed=args.seed,
    shard_size=args.shard_size,
    processes=args.processes,
    progress=not args.quiet,
    records_per_speaker=args.records_per_speaker,
    first_speaker=args.first_speaker,
    frames=args.frames,
    part=args.part,
    world=sketch.SketchWorld if args.sketch else None,
  )
  num_bytes = sum(path.stat().st_size for path in shards)
  if args.json:
    content = {'output': args.out, 'kind': args.kind, 'split': args.split, 'records': args.num}
    print(json.dumps({**content, 'shards': len(shards), 'num_bytes': num_bytes}))
    return
  index, n = args.part
  what = f'{args.kind}-{args.split}' + (f', part {index}/{n}' if n > 1 else '')
  state = 'finished before' if before.issuperset(shards) else f'finished in {time.monotonic() - began:.1f} s'
  print(f'{args.out}: {what} {state}, {len(shards)} shards, {num_bytes / 1e6:.1f} MB')
  count = -(-args.num // args.shard_size)
  if n > 1 and (missing := count - len(_finished(args))):
    print(f'note: other parts lack {missing} of {count} shards', file=sys.stderr)


def _finished(args: argparse.Namespace) -> set[pathlib.Path]:
  """Finished shards of the kind and split."""
  from seetalk_jax.data import sources

  folder = pathlib.Path(args.out)
  return set(sources.finished_shards(folder, args.kind, args.split)) if folder.is_dir() else set()
