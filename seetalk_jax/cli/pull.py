"""Download a released checkpoint from the Hugging Face Hub and check that its files are whole. An interrupted download
is resumed. `--checkpoint hf:OWNER/NAME` does the same for every command. Needs the extra hub."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.cli import options
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import InputError

HELP = 'release from the Hugging Face Hub'
EXAMPLE = 'seetalk pull owner/name -o released/theirs'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk pull`."""
  parser.add_argument(
    'repository', metavar='OWNER/NAME', help='repository; OWNER/NAME@REVISION for a revision'
  )
  parser.add_argument(
    '-o',
    '--output',
    metavar='DIR',
    help='folder that gets a copy of the release (default: only the cache of huggingface_hub has it)',
  )
  parser.add_argument('--overwrite', action='store_true', help='replace an existing release')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no progress, no summary')


def run(args: argparse.Namespace) -> None:
  """Downloads the release, checks it, and copies it to the output."""
  from seetalk_jax.releases import hub, storage

  if args.output is not None:
    target = pathlib.Path(args.output)
    options.check_replaced_folder(target)
    if (target / RELEASE_FILE).exists() and not args.overwrite:
      raise InputError(f'the release exists, {target}: give another folder, or --overwrite')
  hub.show_progress(not args.json and not args.quiet)
  directory = hub.pull(args.repository, args.output)
  _, info = storage.read_info(directory)
  content = {'output': str(directory), 'repository': args.repository, 'networks': sorted(info['networks'])}
  options.report(args, content, f'{directory}: {", ".join(info["networks"])}, files intact')
