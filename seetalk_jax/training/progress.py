"""Progress bar and messages of a training run on stderr."""

from __future__ import annotations

import sys

import jax
from tqdm import tqdm


def print_message(text: str) -> None:
  """Prints a line to stderr of the first host, above the progress bar."""
  if jax.process_index() == 0:
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


class ProgressBar:
  """Progress bar on a terminal; one line per logging interval if stderr is not a terminal."""

  def __init__(self, config, start: int):
    self._quiet = jax.process_index() != 0
    form = '{desc} |{bar}| step {n_fmt}/{total_fmt}{postfix}'
    hidden = self._quiet or not sys.stderr.isatty()
    self._stage = config.stage
    self._bar = tqdm(total=config.num_steps, initial=start, desc=self._stage, bar_format=form, disable=hidden)

  def __enter__(self) -> ProgressBar:
    return self

  def __exit__(self, *_) -> None:
    self._bar.close()

  def advance(self) -> None:
    self._bar.update()

  def log(self, step: int, means: dict[str, float], seconds_left: float) -> None:
    minutes, seconds = divmod(int(seconds_left), 60)
    text = f'loss {means["loss"]:.4g}, {means["steps_per_second"]:.2f} steps/s, {minutes}:{seconds:02d} left'
    self._bar.set_postfix_str(text)
    if self._bar.disable and not self._quiet:
      print_message(f'{self._stage} step {step}: {text}')
