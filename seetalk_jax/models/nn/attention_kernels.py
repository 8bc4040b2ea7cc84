"""Attention kernels per platform (cuDNN, TPU splash, CPU loop over heads) and the choice among them."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from seetalk_jax.sharding import constraints

_LANES = 128  # TPU kernels need lengths in multiples of it
_BLOCKS = (512, 256, 128)
# Logits with fewer entries than this use XLA's attention on every platform.
_MANY = 2**16
_QUERY_BLOCK = 512


def platform() -> str:
  """Platform that the traced program will run on: 'cpu', 'gpu' or 'tpu'.

  The current mesh takes precedence, since it may be of devices that are not attached (planning).
  """
  if (planned := getattr(jax.sharding.get_abstract_mesh(), 'abstract_device', None)) is not None:
    if getattr(planned, 'platform', None):
      return planned.platform
  device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
  if device is None:
    return jax.default_backend()
  return device if isinstance(device, str) else device.platform


def route(query: jax.Array, key: jax.Array, mask: jax.Array | None, bias: jax.Array | None) -> str:
  """Kernel for these arguments of `attend` on this platform: 'xla', 'cudnn', 'splash' or 'by_heads'.

  'cudnn': GPU, half precision, heads of at most 128 channels in multiples of 8.
  'splash': TPU, a mask over keys only, no bias.
  'by_heads': a single CPU device. With several devices the heads may be sharded, and a loop over them would
  gather them. A program that is exported for another platform from there uses 'xla'.
  """
  where, (b, t, heads, width), s = platform(), query.shape, key.shape[1]
  if not isinstance(t * s, int) or t * s < _MANY:  # lengths can be symbols while a program is exported
    return 'xla'
  if where == 'gpu' and query.dtype in (jnp.bfloat16, jnp.float16) and width <= 128 and width % 8 == 0:
    return 'cudnn'
  if where == 'tpu' and bias is None and (mask is None or mask.shape[1:3] == (1, 1)):
    return 'splash' if _shards(b, heads) is not None else 'xla'
  if where == 'cpu' and jax.device_count() == 1:
    return 'by_heads'
  return 'xla'


def by_heads(
  query: jax.Array,
  key: jax.Array,
  value: jax.Array,
  mask: jax.Array | None,
  bias: jax.Array | None,
  scale: float,
) -> jax.Array:
  """Attention as a loop over heads and blocks of queries, for CPUs: the logits of one step fit in the cache.

  Two to four times as fast on a CPU as attention batched over heads. The backward pass recomputes the logits,
  so that memory does not grow with `t * s`. Arguments as in `attend`; every query needs a valid key.
  """
  b, t, heads, _ = query.shape
  keys, values = (jnp.moveaxis(x, 2, 1).reshape(b * heads, -1, x.shape[-1]) for x in (key, value))
  queries = jnp.moveaxis(query, 2, 1).reshape(b * heads, t, -1)
  block = _QUERY_BLOCK if t > _QUERY_BLOCK else t
  blocks = -(-t // block)
  queries = jnp.pad(queries, ((0, 0), (0, blocks * block - t), (0, 0)))
  queries = queries.reshape(b * heads, blocks, block, -1)

  def part(table, i, j):  # of a mask or bias [b | 1, heads | 1, t | 1, s]: head i, block j
    table = jnp.broadcast_to(table, (*table.shape[:3], keys.shape[1]))
    row = i // heads if table.shape[0] > 1 else 0
    own = table[row, i % heads if table.shape[1] > 1 else 0]
    if own.shape[0] == 1:
      return own
    own = jnp.pad(own, ((0, blocks * block - t), (0, 0)))
    return jax.lax.dynamic_slice_in_dim(own, j * block, block)

  @jax.checkpoint
  def attend_block(i, j, queries, keys, values):
    logits = scale * jnp.dot(queries, keys.T, preferred_element_type=jnp.float32)
    if bias is not None:
      logits = logits + part(bias, i, j)
    if mask is not None:
      logits = jnp.where(part(mask, i, j), logits, -0.7 * jnp.finfo(jnp.float32).max)
    weights = jnp.exp(logits - jax.lax.stop_gradient(logits.max(-1, keepdims=True)))
    total = weights.sum(-1, keepdims=True)
    return (jnp.dot(weights.astype(values.dtype), values) / total).astype(query.dtype)

  def attend_head(row):
    i, queries, keys, values = row
    if blocks == 1:
      return attend_block(i, 0, queries[0], keys, values)[None]
    return jax.lax.map(
      lambda each: attend_block(i, each[0], each[1], keys, values), (jnp.arange(blocks), queries)
    )

  out = jax.lax.map(attend_head, (jnp.arange(b * heads), queries, keys, values))
  out = out.reshape(b, heads, blocks * block, -1)[:, :, :t]
  return jnp.moveaxis(out, 1, 2)


def splash(
  query: jax.Array,
  key: jax.Array,
  value: jax.Array,
  mask: jax.Array | None,
  scale: float,
  *,
  interpret: bool = False,
) -> jax.Array:
  """JAX's splash attention, a Pallas kernel for TPUs that does not store the logits; sharded over the mesh.

  Args:
    mask: bool `[b | 1, 1, 1, s]` over keys, or None; every query needs at least one valid key.
    interpret: run the kernel in interpret mode on any platform, for tests.
  """
  b, _, heads, _ = query.shape
  valid = jnp.ones((b, key.shape[1]), bool)
  if mask is not None:
    valid = valid & jnp.asarray(mask, bool)[:, 0, 0]
  run = functools.partial(_splash, scale=scale, interpret=interpret)
  spec = _shards(b, heads)
  if spec:
    batch, head = spec
    each = PartitionSpec(batch, None, head, None)
    in_specs = (each, each, each, PartitionSpec(batch, None))
    # The kernel's outputs carry no varying-axes types, which check_vma needs.
    run = jax.shard_map(run, in_specs=in_specs, out_specs=each, check_vma=False)
  return run(query, key, value, valid)


def _shards(batch: int, heads: int) -> tuple | None:
  """Mesh axes of batch and heads by the current rules; () without a mesh, None if sizes do not divide."""
  if (current := constraints.current_mesh_and_rules()) is None:
    return ()
  mesh, rules = current
  over = [rules.get(name, ()) for name in ('batch', 'heads')]
  if any(
    size % math.prod(mesh.shape[a] for a in own) for size, own in zip((batch, heads), over, strict=True)
  ):
    return None
  return tuple(own or None for own in over)


def _splash(query, key, value, valid, *, scale, interpret):
  from jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_kernel as kernels,
  )
  from jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_mask as masks,
  )

  _, t, heads, width = query.shape

  def padded(x, axis):
    pad = [(0, 0)] * x.ndim
    pad[axis] = (0, -x.shape[axis] % _LANES)
    return jnp.pad(x, pad)

  # Padded queries belong to the one segment, padded keys to none.
  query, key, value = (
    jnp.moveaxis(padded(padded(x, 1), 3), 2, 1) for x in (query * jnp.asarray(scale, query.dtype), key, value)
  )
  length, keys = query.shape[2], key.shape[2]
  q = next(size for size in _BLOCKS if length % size == 0)
  kv = next(size for size in _BLOCKS if keys % size == 0)
  sizes = kernels.BlockSizes(
    block_q=q,
    block_kv=kv,
    block_kv_compute=kv,
    block_q_dkv=q,
    block_kv_dkv=kv,
    block_kv_dkv_compute=kv,
    block_q_dq=q,
    block_kv_dq=kv,
  )
  kernel = kernels.make_splash_mha(
    mask=masks.MultiHeadMask([masks.FullMask((length, keys))] * heads),
    block_sizes=sizes,
    head_shards=1,
    q_seq_shards=1,
    interpret=interpret,
  )
  segments = padded(valid, 1).astype(jnp.int32)
  ones = jnp.ones((length,), jnp.int32)
  out = jax.vmap(lambda q, k, v, ids: kernel(q, k, v, kernels.SegmentIds(q=ones, kv=ids)))(
    query, key, value, segments
  )
  return jnp.moveaxis(out, 1, 2)[:, :t, :, :width]  # pyright: ignore[reportArgumentType]
