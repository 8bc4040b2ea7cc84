"""Diffusion as frozen dataclasses and pure functions; no modules, no state. Names are loaded on first use."""

from __future__ import annotations

from seetalk_jax import _lazy

TYPE_CHECKING: bool = False  # see _lazy
if TYPE_CHECKING:
  from seetalk_jax.diffusion.gaussian import linear_coordinates as linear_coordinates
  from seetalk_jax.diffusion.gaussian import linear_prediction as linear_prediction
  from seetalk_jax.diffusion.guidance import guided as guided
  from seetalk_jax.diffusion.guidance import nested_weights as nested_weights
  from seetalk_jax.diffusion.loss import diffusion_loss as diffusion_loss
  from seetalk_jax.diffusion.objective import PREDICTION_TYPES as PREDICTION_TYPES
  from seetalk_jax.diffusion.objective import loss_weight as loss_weight
  from seetalk_jax.diffusion.objective import target as target
  from seetalk_jax.diffusion.objective import to_x0 as to_x0
  from seetalk_jax.diffusion.process import add_noise as add_noise
  from seetalk_jax.diffusion.samplers import SAMPLERS as SAMPLERS
  from seetalk_jax.diffusion.samplers import sample as sample
  from seetalk_jax.diffusion.schedule import SPACINGS as SPACINGS
  from seetalk_jax.diffusion.schedule import Schedule as Schedule
  from seetalk_jax.diffusion.schedule import SigmaRange as SigmaRange
  from seetalk_jax.diffusion.schedule import sampling_times as sampling_times
  from seetalk_jax.diffusion.times import stratified_times as stratified_times
else:
  __getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
      name: f'{__name__}.{file}'
      for file, names in {
        'gaussian': ('linear_coordinates', 'linear_prediction'),
        'guidance': ('guided', 'nested_weights'),
        'loss': ('diffusion_loss',),
        'objective': ('PREDICTION_TYPES', 'loss_weight', 'target', 'to_x0'),
        'process': ('add_noise',),
        'samplers': ('SAMPLERS', 'sample'),
        'schedule': ('SPACINGS', 'Schedule', 'SigmaRange', 'sampling_times'),
        'times': ('stratified_times',),
      }.items()
      for name in names
    },
  )
