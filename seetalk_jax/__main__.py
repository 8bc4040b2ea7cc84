"""Entry point of `python -m seetalk_jax`, the same command as `seetalk`."""

import sys

from seetalk_jax.cli.main import main

if __name__ == '__main__':
  sys.exit(main())
