"""Settings of every test: the CPU, and absl flags marked parsed (Grain's workers read them)."""

import os
import pathlib
import sys
import tempfile

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# Tests over eight devices start a process of their own: the others are quicker on one.
# Tiny networks compile longer than they run: half of LLVM's passes are not worth their time here.
os.environ.setdefault('XLA_FLAGS', '--xla_llvm_disable_expensive_passes=true')

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
