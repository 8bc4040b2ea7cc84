"""Many equal layers: compiled once by a scan, and how much of them the backward pass computes anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

# What a network's `remat` may be. True and False mean 'all' and 'nothing'.
REMAT_POLICIES = ('nothing', 'dots', 'all')


def _options(remat: bool | str) -> dict[str, Any] | None:
  """What `jax.checkpoint` and `nn.remat` are told; None: nothing is computed anew."""
  names: dict[bool | str, bool | str] = {True: 'all', False: 'nothing'}
  name = names.get(remat, remat)
  if name not in REMAT_POLICIES:
    raise ValueError(f'remat must be one of {REMAT_POLICIES}, True or False, got {remat!r}')
  kept = {'dots': jax.checkpoint_policies.dots_with_no_batch_dims_saveable, 'all': None}
  return None if name == 'nothing' else {'policy': kept[name]}


def rematerialised(layer: type[nn.Module], remat: bool | str) -> type[nn.Module]:
  """The module class, with its activations computed anew in the backward pass.

  Args:
    remat: 'nothing' (or False) keeps them all; 'dots' keeps what matrix products with parameters gave, which are
      most of the work, and computes the rest anew; 'all' (or True) keeps the layer's input alone.
  """
  options = _options(remat)
  return layer if options is None else nn.remat(layer, **options)


def scan_layers(
  parent: nn.Module,
  layer: nn.Module,
  names: Sequence[str],
  x: jax.Array,
  *args: Any,
  remat: bool | str = False,
) -> tuple[jax.Array, jax.Array]:
  """Applies equal layers in turn as one `lax.scan`, whose body is compiled once however many there are.

  The parameters keep their places, a layer each, and are stacked where they are used: checkpoints and
  conversions know nothing of it. The copy is small beside the work of a layer on a batch.

  Args:
    parent: the bound module in whose scope the layers' parameters lie; it must have been initialised.
    layer: an unbound module `(x, *args) -> x`.
    names: of the layers, in order.
    remat: see `rematerialised`.

  Returns:
    the last output, and all of them, `[len(names), ...]`.
  """
  params = nn.unbox(parent.variables['params'])
  stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(params[name] for name in names))

  def body(x, own) -> tuple[Any, Any]:
    x = layer.apply({'params': own}, x, *args)
    return x, x

  options = _options(remat)
  return jax.lax.scan(body if options is None else jax.checkpoint(body, **options), x, stacked)
