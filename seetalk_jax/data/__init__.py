"""Records of speakers, where they come from, and the batches that training sees."""

from seetalk_jax.data.pipeline import Batches, make_batches
from seetalk_jax.data.schema import VIEWS, ClipRecord, Truth, batch_spec

__all__ = ['VIEWS', 'Batches', 'ClipRecord', 'Truth', 'batch_spec', 'make_batches']
