"""Settings of every test: the CPU, and absl flags marked parsed (Grain's workers read them)."""

import importlib.util
import os
import pathlib
import sys
import tempfile

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# Tests over eight devices start a process of their own: the others are quicker on one.
# Tiny networks compile longer than they run: LLVM's optimisation is not worth its time here (a third of the whole).
os.environ.setdefault(
  'XLA_FLAGS', '--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true'
)

# Equal programs compile once for the whole session, in the processes that tests start too.
_CACHE = tempfile.TemporaryDirectory(prefix='seetalk_jax_tests_')
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', _CACHE.name)
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0.3')

from absl import flags  # noqa: E402

if not flags.FLAGS.is_parsed():
  flags.FLAGS.mark_as_parsed()

ROOT = pathlib.Path(__file__).resolve().parent.parent
# tiny_release, toy_stage, golden_weights
sys.path[:0] = [str(ROOT / 'tests' / folder) for folder in ('', 'training', 'convert')]


def pytest_configure(config):
  """Lets torchvision import where its build does not fit PyTorch's, as its CUDA one beside a CPU one.

  It gives shapes to operators that its own library defines; where that does not load, these definitions stand
  in. Here, before anything imports it: transformers and lpips do too, and a failed import spoils the next ones.
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
    config.torchvision_operators = operators  # they go when it does
