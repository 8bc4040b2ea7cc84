"""Entry point of `python -m seetalk_jax`, the same command as `seetalk`."""

import sys

from seetalk_jax.cli import main

if __name__ == '__main__':
  sys.exit(main())
