"""A program of the TPU compiler before code is generated: memory and traffic are settled, most of the work is not."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import pathlib
import re
import threading
import time
from collections.abc import Iterator

import jax

from seetalk_jax.errors import InputError
from seetalk_jax.planning import hlo

TESTED_LIBTPU = '0.0.52'

# What the compiler writes into the folder of `xla_dump_to`, in this order.
_PROGRAM = '*.after_optimizations.txt'
_MEMORY = '*.after_optimizations-memory-usage-report.txt'
_NEXT = '*.after_optimizations_after_buffer_assignment.txt'
_TOTAL = re.compile(r'Memory Space: default.*?Total bytes: (\d+)', re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Compiled:
  """What is known of a compiled program.

  Attributes:
    program: its instructions, scheduled.
    memory: bytes of the device's main memory that it needs, arguments included.
    arguments: bytes of those.
  """

  program: hlo.Program
  memory: float
  arguments: float


def compile_program(lowered: jax.stages.Lowered, folder: pathlib.Path, *, whole: bool = False) -> Compiled:
  """Compiles for TPUs that need not be there, to the point where nothing but code is missing.

  A program that does not fit its device's memory is told like any other. Without `whole` the compiler goes on
  generating code in a thread that nobody waits for: let the process end. JAX's cache of programs is off from then on.

  Args:
    folder: an empty one, for what the compiler writes.
    whole: wait for the code too, many times as long; the program then tells `memory_traffic.cycles`.

  Raises:
    InputError: the compiler writes other reports than this module reads: another version of libtpu.
    jax.errors.JaxRuntimeError: the compiler refuses the program.
  """
  jax.config.update('jax_enable_compilation_cache', False)  # a program from the cache tells nothing
  failed: list[Exception] = []
  texts: list[str] = []

  def work():
    try:
      options = {'xla_dump_to': str(folder), 'xla_dump_hlo_as_text': True}
      texts.append(lowered.compile(compiler_options=options).as_text())
    except Exception as e:
      failed.append(e)

  thread = threading.Thread(target=work, daemon=True)
  thread.start()
  while thread.is_alive() and (whole or not list(folder.glob(_NEXT))):
    time.sleep(0.1)
  if failed and 'RESOURCE_EXHAUSTED' not in str(failed[0]):
    raise failed[0]
  written, reports = list(folder.glob(_PROGRAM)), list(folder.glob(_MEMORY))
  if failed and not (written and reports):
    raise failed[0]
  with reading_reports():
    total = _TOTAL.search(reports[0].read_text()).group(1)
    program = hlo.parse(texts[0] if whole and texts else written[0].read_text())
    parameters = [i for i in program.bodies[program.entry].values() if i.kind == 'parameter']
  arguments = sum(array.held for i in parameters for array in i.arrays if array.space == 0)
  return Compiled(program, float(total), arguments)


@contextlib.contextmanager
def reading_reports() -> Iterator[None]:
  """Around code that reads what the compiler writes: its failure means an unknown version of libtpu.

  Raises:
    InputError: the code failed on the text.
  """
  try:
    yield
  except (AttributeError, LookupError, StopIteration, TypeError, ValueError) as e:
    try:
      version = importlib.metadata.version('libtpu')
    except importlib.metadata.PackageNotFoundError:
      version = 'of unknown version'
    raise InputError(
      f'the reports of libtpu {version} cannot be read ({type(e).__name__}: {e}), this installation: '
      f'seetalk plan is experimental and was tested with libtpu {TESTED_LIBTPU}, install that version'
    ) from e
