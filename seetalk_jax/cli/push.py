"""Upload a released checkpoint to the Hugging Face Hub, with a model card that is written from it. Put a MODEL_CARD.md
of your own into the folder of the release to describe data, limits and figures. Log in with `hf auth login`, or set
HF_TOKEN. Needs the extra hub."""

from __future__ import annotations

import argparse

from seetalk_jax.cli import options

HELP = 'release to the Hugging Face Hub'
EXAMPLE = 'seetalk push released/mine owner/name'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk push`."""
  parser.add_argument('checkpoint', metavar='RELEASE', help="folder of a released checkpoint, or 'demo'")
  parser.add_argument(
    'repository',
    metavar='OWNER/NAME',
    help='repository, made if it does not exist; OWNER/NAME@BRANCH for a branch',
  )
  parser.add_argument('--public', action='store_true', help='make a new repository public (default: private)')
  parser.add_argument(
    '--message', default='', metavar='TEXT', help='message of the commit (default: a general one)'
  )
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no progress, no summary')


def run(args: argparse.Namespace) -> None:
  """Checks the release and uploads it in one commit."""
  from seetalk_jax.releases import hub

  hub.show_progress(not args.json and not args.quiet)
  commit = hub.push(args.checkpoint, args.repository, public=args.public, message=args.message)
  content = {'repository': args.repository, 'commit': commit}
  options.report(args, content, f'{args.repository}: {commit}')
