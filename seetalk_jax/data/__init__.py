"""Records of speakers, where they come from, and the batches that training sees."""

import importlib

_HOMES = {
  'Batches': 'pipeline',
  'make_batches': 'pipeline',
  'VIEWS': 'schema',
  'ClipRecord': 'schema',
  'Truth': 'schema',
  'batch_spec': 'schema',
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
  # On demand: the command line reads thresholds from this package before anything heavy is loaded.
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
