"""Entry point of `python -m seetalk_jax`, the same command as `seetalk`."""

from seetalk_jax.cli.main import run

if __name__ == '__main__':
  run()
