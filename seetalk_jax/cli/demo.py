"""Open the web demo: record, upload or type speech, choose a face, and watch the video while it is drawn."""

from __future__ import annotations

import argparse
import os
import tempfile

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError

HELP = 'web demo in the browser'
EXAMPLE = 'seetalk demo --port 7860'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk demo`."""
  options.add_checkpoint(parser)
  options.add_device(parser)
  options.add_address(parser, 7860)
  parser.add_argument(
    '--max-seconds',
    type=options.whole(1, 3600),
    default=60,
    metavar='N',
    help='longest speech accepted (default 60)',
  )
  parser.add_argument('--open', action='store_true', help='open the page in a browser')


def run(args: argparse.Namespace) -> None:
  """Loads the checkpoint and serves the page until it is interrupted."""
  # Before Gradio is imported, which reads them.
  os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
  with tempfile.TemporaryDirectory(prefix='seetalk-demo-') as folder:
    os.environ['GRADIO_TEMP_DIR'] = folder
    try:
      from seetalk_jax.app import page as page_lib
    except ImportError as error:
      if error.name != 'gradio':
        raise
      raise InputError('no web demo, gradio is not installed: pip install "seetalk-jax[demo]"') from None
    from seetalk_jax.app.studio import Studio

    studio = Studio(options.load_pipeline(args.checkpoint, args.device), args.max_seconds)
    page_lib.serve(studio, host=args.host, port=args.port, inbrowser=args.open)
