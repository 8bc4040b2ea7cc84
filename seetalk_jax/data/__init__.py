"""Training data: record schema, record sources, and the batch pipeline."""

from seetalk_jax import _lazy

TYPE_CHECKING: bool = False  # see _lazy
if TYPE_CHECKING:
  from seetalk_jax.data.pipeline import Batches as Batches
  from seetalk_jax.data.pipeline import make_batches as make_batches
  from seetalk_jax.data.schema import ClipRecord as ClipRecord
  from seetalk_jax.data.schema import Truth as Truth
  from seetalk_jax.data.views import VIEWS as VIEWS
  from seetalk_jax.data.views import batch_spec as batch_spec
else:
  # Lazy: the command line imports this package before it loads any heavy dependency.
  __getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
      'Batches': 'seetalk_jax.data.pipeline',
      'make_batches': 'seetalk_jax.data.pipeline',
      'VIEWS': 'seetalk_jax.data.views',
      'ClipRecord': 'seetalk_jax.data.schema',
      'Truth': 'seetalk_jax.data.schema',
      'batch_spec': 'seetalk_jax.data.views',
    },
  )
