"""Pytest configuration: CPU platform, compilation cache, absl flags marked as parsed for Grain's workers."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import re
import tempfile
import time

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# Tests over eight devices start their own process: the other tests are faster with one device.
# Tiny networks compile longer than they run. LLVM's optimization takes a third of the compilation time.
# The MLIR fusion emitters take most of the rest. jaxlib 0.11 removed the older emitters and the flag.
_FLAGS = ['--xla_backend_optimization_level=0', '--xla_llvm_disable_expensive_passes=true']
if tuple(map(int, importlib.metadata.version('jaxlib').split('.')[:2])) < (0, 11):
  _FLAGS.append('--xla_cpu_use_fusion_emitters=false')
os.environ.setdefault('XLA_FLAGS', ' '.join(_FLAGS))

from absl import flags  # noqa: E402

if not flags.FLAGS.is_parsed():
  flags.FLAGS.mark_as_parsed()

ROOT = pathlib.Path(__file__).resolve().parent.parent

KEPT_DAYS = 7  # a compiled program stays in the cache


def pytest_configure(config):
  """Sets up the compilation cache, and works around an import that fails on some machines."""
  share_compiled_programs(config)
  let_torchvision_import(config)


def share_compiled_programs(config):
  """Shares compiled programs between workers, processes that tests start, and later test runs.

  Compiled programs contain processor-specific instructions, so every processor type has its own folder.
  """
  cpuinfo = pathlib.Path('/proc/cpuinfo')
  instructions = (
    re.findall(r'^(?:flags|Features)\s*: .*', cpuinfo.read_text(), re.M) if cpuinfo.exists() else []
  )
  processor = ' '.join([platform.machine(), platform.processor(), *instructions[:1]])
  name = f'xla-{hashlib.sha256(processor.encode()).hexdigest()[:8]}'
  if hasattr(config, 'cache'):
    folder = config.cache.mkdir(name)
  else:  # -p no:cacheprovider
    config.compiled_programs = tempfile.TemporaryDirectory(prefix='seetalk_jax_tests_')
    folder = pathlib.Path(config.compiled_programs.name)
  if not hasattr(config, 'workerinput'):  # the process that starts the workers
    for file in folder.iterdir():
      if file.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
        file.unlink(missing_ok=True)
  os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(folder))
  os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')
  os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES', '-1')


def let_torchvision_import(config):
  """Defines torchvision's operators if its build does not match PyTorch's (CUDA build beside CPU build).

  torchvision registers shapes of operators that its own library defines. These definitions replace that
  library if it does not load. This runs before any import of torchvision, because transformers and lpips
  import it too and a failed import breaks later ones.
  """
  found = importlib.util.find_spec('torchvision')
  if found is None:
    return
  import torch

  try:
    for library in pathlib.Path(found.origin).parent.glob('_C.*'):
      torch.ops.load_library(library)
  except OSError:
    operators = torch.library.Library('torchvision', 'DEF')
    for name in ('nms', 'qnms'):
      operators.define(f'{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    config.torchvision_operators = operators  # keeps them alive as long as `config`
