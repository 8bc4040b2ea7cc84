"""Turn published PyTorch weights into a release: every tensor is accounted for, or the command says which is not."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.cli import options
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.convert.kinds import KINDS
from seetalk_jax.errors import CheckpointError, InputError

HELP = 'published PyTorch weights to released checkpoint'
EXAMPLE = 'seetalk convert wav2vec2 wav2vec2-base/ released/wav2vec2-base'
NO_LICENCE = 'unknown: that of its source'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk convert`."""
  kinds = '; '.join(f'{name}: {kind.about}' for name, kind in KINDS.items())
  parser.add_argument('kind', metavar='KIND', choices=tuple(KINDS), help=kinds)
  parser.add_argument(
    'source',
    metavar='SOURCE',
    help='.safetensors, .bin or .pth, or the folder that holds it and its config.json',
  )
  parser.add_argument('target', metavar='TARGET', help='folder of the release to make')
  parser.add_argument(
    '--dtype',
    choices=('float16', 'float32'),
    default='float32',
    help='number type of the stored parameters (default float32)',
  )
  parser.add_argument(
    '--licence', default=None, help='licence of the weights (default: what their model card says)'
  )
  parser.add_argument('--origin', default=None, help='where they are from (default: the name of SOURCE)')
  parser.add_argument('--overwrite', action='store_true', help='replace an existing release')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no summary')


def run(args: argparse.Namespace) -> None:
  """Converts and writes tensor by tensor; the folder is written atomically."""
  from flax import traverse_util

  from seetalk_jax.convert import network
  from seetalk_jax.releases import storage

  target = pathlib.Path(args.target)
  options.check_replaced_folder(target)
  if (target / RELEASE_FILE).exists() and not args.overwrite:
    raise InputError(f'the release exists, {target}: give another folder, or --overwrite')
  converted = network.plan(args.kind, args.source)
  licence = args.licence or network.licence_of(args.source) or NO_LICENCE
  origin = args.origin or f'converted from {pathlib.Path(args.source).resolve().name} ({args.kind})'
  notes = {'licence': licence, 'origin': origin, 'fresh': list(converted.fresh)}
  try:
    storage.save_release(
      target,
      {converted.network: (converted.module, converted.params)},
      provenance={'converted': {'kind': args.kind}, 'networks': {converted.network: notes}},
      dtype=args.dtype,
    )
  except ValueError as error:
    raise CheckpointError(f'cannot release these weights ({error}), {args.source}') from None
  count = sum(value.size for value in traverse_util.flatten_dict(converted.params, sep='/').values())
  content = {
    'output': str(target),
    'network': converted.network,
    'parameters': count,
    'fresh': list(converted.fresh),
    'licence': licence,
    'dtype': args.dtype,
  }
  started = (
    f'; not in the source and left to training: {", ".join(converted.fresh)}' if converted.fresh else ''
  )
  line = f'{target}: {converted.network}, {count / 1e6:.1f} M parameters, licence {licence}{started}'
  options.report(args, content, line)
