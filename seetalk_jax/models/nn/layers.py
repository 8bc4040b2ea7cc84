"""Layer stacks: rematerialization of activations, and `lax.scan` over equal layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

# Values of a network's `remat`. True and False mean 'all' and 'nothing'.
REMAT_POLICIES = ('nothing', 'dots', 'all')


def _options(remat: bool | str) -> dict[str, Any] | None:
  """Arguments of `jax.checkpoint` and `nn.remat`; None: no rematerialization."""
  names: dict[bool | str, bool | str] = {True: 'all', False: 'nothing'}
  name = names.get(remat, remat)
  if name not in REMAT_POLICIES:
    raise ValueError(f'remat must be one of {REMAT_POLICIES}, True or False, got {remat!r}')
  kept = {'dots': jax.checkpoint_policies.dots_with_no_batch_dims_saveable, 'all': None}
  return None if name == 'nothing' else {'policy': kept[name]}


def rematerialised(layer: type[nn.Module], remat: bool | str) -> type[nn.Module]:
  """The module class with rematerialization: its activations are recomputed in the backward pass.

  Args:
    remat: what is recomputed. 'nothing' (or False) stores all activations. 'dots' stores the results of
      matrix products with parameters, which are most of the work, and recomputes the rest. 'all' (or True)
      stores only the layer's input.

  Raises:
    ValueError: another value.
  """
  options = _options(remat)
  return layer if options is None else nn.remat(layer, **options)


def scan_layers(
  parent: nn.Module,
  layer: nn.Module,
  names: Sequence[str],
  x: jax.Array,
  *args: Any,
  per_layer: tuple[jax.Array, ...] = (),
  remat: bool | str = False,
) -> tuple[jax.Array, jax.Array]:
  """Applies equal layers in sequence by one `lax.scan`, whose body is compiled once.

  Parameters stay separate per layer and are stacked here, so that checkpoints and weight conversion do not
  depend on the scan. The copy is small compared to the work of a layer on a batch.

  Args:
    parent: bound and initialized module whose scope holds the layers' parameters.
    layer: an unbound module `(x, *args, *per_layer) -> x`.
    names: names of the layers, in order.
    per_layer: further arguments, `[len(names), ...]`; each layer gets its own row.
    remat: see `rematerialised`.

  Returns:
    The last output, and the outputs of all layers, `[len(names), ...]`.
  """
  params = nn.unbox(parent.variables['params'])
  stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(params[name] for name in names))

  def body(x, inputs) -> tuple[Any, Any]:
    own, further = inputs
    x = layer.apply({'params': own}, x, *args, *further)
    return x, x

  options = _options(remat)
  return jax.lax.scan(body if options is None else jax.checkpoint(body, **options), x, (stacked, per_layer))
