"""TPU compilation up to code generation: the scheduled program and its memory, at a fraction of the time."""

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

# Files that the compiler writes into the folder of `xla_dump_to`, in this order.
_PROGRAM = '*.after_optimizations.txt'
_MEMORY = '*.after_optimizations-memory-usage-report.txt'
_NEXT = '*.after_optimizations_after_buffer_assignment.txt'
_TOTAL = re.compile(r'Memory Space: default.*?Total bytes: (\d+)', re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Compiled:
  """A compiled program and its memory.

  Attributes:
    program: the scheduled instructions.
    memory: bytes of the device's main memory that the program needs, arguments included.
    arguments: bytes of the arguments.
  """

  program: hlo.Program
  memory: float
  arguments: float


def compile_program(lowered: jax.stages.Lowered, folder: pathlib.Path, *, whole: bool = False) -> Compiled:
  """Compiles a program for TPUs, which need not be attached, up to code generation.

  A program that does not fit the device's memory is returned like any other. Without `whole` the compiler
  continues code generation in a daemon thread; the process should exit soon. The compilation cache of JAX is
  off afterwards.

  Args:
    lowered: the lowered program.
    folder: an empty folder for the reports of the compiler.
    whole: wait for code generation, which takes many times as long. The program then has
      `memory_traffic.cycles`.

  Raises:
    InputError: the reports cannot be read: an untested version of libtpu.
    jax.errors.JaxRuntimeError: the program cannot be compiled.
  """
  jax.config.update('jax_enable_compilation_cache', False)  # a cached program writes no reports
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
  """Context for code that parses reports of the compiler: a parse error means an untested version of libtpu.

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
