"""Progress bar and messages of a training run on stderr."""

from __future__ import annotations

import sys

import jax
from tqdm import tqdm

from seetalk_jax.training.clock import Clock


def print_message(text: str) -> None:
  """Prints a line to stderr of the first host, above the progress bar."""
  if jax.process_index() == 0:
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def announce_compilation(program: str) -> None:
  """Prints that a program is about to be compiled, which may take minutes without any other sign."""
  print_message(f'compiling {program}')


class ProgressBar:
  """Progress bar on a terminal; one line per logging interval if stderr is not a terminal.

  The bar shows the share of the budget that ends the run first: `num_steps`, or `max_minutes`.

  Args:
    stage: name of the stage.
    clock: of the run.
    start: step that the run goes on from.
  """

  def __init__(self, stage: str, clock: Clock, start: int):
    self._quiet = jax.process_index() != 0
    form = '{desc} |{bar}| {percentage:.0f} %{postfix}'
    hidden = self._quiet or not sys.stderr.isatty()
    self._stage, self._clock, self._step = stage, clock, start
    self._shown = clock.progress(start)
    label = f'{stage}, {clock.budget(start)}'
    self._bar = tqdm(total=1.0, initial=self._shown, desc=label, bar_format=form, disable=hidden)

  def __enter__(self) -> ProgressBar:
    return self

  def __exit__(self, *_) -> None:
    self._bar.close()

  def advance(self) -> None:
    """Counts a step."""
    self._step += 1
    progress = self._clock.progress(self._step)
    self._bar.set_description_str(f'{self._stage}, {self._clock.budget(self._step)}', refresh=False)
    self._bar.update(progress - self._shown)
    self._shown = progress

  def log(self, step: int, means: dict[str, float]) -> None:
    """Shows metrics of the last logging interval, beside the bar or in a line of their own."""
    minutes, seconds = divmod(int(self._clock.seconds_left(step)), 60)
    text = f'loss {means["loss"]:.4g}, {means["steps_per_second"]:.2f} steps/s, {minutes}:{seconds:02d} left'
    self._bar.set_postfix_str(text)
    if self._bar.disable and not self._quiet:
      print_message(f'{self._stage} step {step}: {text}')
