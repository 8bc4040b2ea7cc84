"""Small signed-distance and noise helpers on separate x, y, z arrays (cheap for XLA to fuse)."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def smin(a, b, k):
  """Smooth minimum: blends `a` and `b` over a distance `k`."""
  h = jnp.maximum(k - jnp.abs(a - b), 0.0)
  return jnp.minimum(a, b) - h * h * (0.25 / k)


def smax(a, b, k):
  """Smooth maximum: rounds the crease between `a` and `b` over a distance `k`."""
  h = jnp.maximum(k - jnp.abs(a - b), 0.0)
  return jnp.maximum(a, b) + h * h * (0.25 / k)


def length2(x, y):
  return jnp.sqrt(x * x + y * y + 1e-12)


def length3(x, y, z):
  return jnp.sqrt(x * x + y * y + z * z + 1e-12)


def ellipsoid(x, y, z, rx, ry, rz):
  """First-order distance to an ellipsoid with these radii."""
  x, y, z = x / rx, y / ry, z / rz
  a = x * x + y * y + z * z + 1e-9
  x, y, z = x / rx, y / ry, z / rz
  return (a - jnp.sqrt(a)) * jax.lax.rsqrt(x * x + y * y + z * z + 1e-9)


def round_cone(x, y, z, start, end, r0, r1):
  """Distance to a capsule whose radius runs linearly from `r0` at `start` to `r1` at `end`."""
  ex, ey, ez = end[0] - start[0], end[1] - start[1], end[2] - start[2]
  inverse = 1.0 / (ex * ex + ey * ey + ez * ez)
  x, y, z = x - start[0], y - start[1], z - start[2]
  t = jnp.clip((x * ex + y * ey + z * ez) * inverse, 0.0, 1.0)
  return length3(x - t * ex, y - t * ey, z - t * ez) - (r0 + t * (r1 - r0))


def bump(x, y, z, rx, ry, rz):
  """A smooth bump: 1 at the origin, 0 outside the ellipsoid of these radii."""
  x, y, z = x * (1.0 / rx), y * (1.0 / ry), z * (1.0 / rz)
  h = jnp.maximum(1.0 - (x * x + y * y + z * z), 0.0)
  return h * h


def bump2(x, y, rx, ry):
  """`bump` in the plane."""
  x, y = x * (1.0 / rx), y * (1.0 / ry)
  h = jnp.maximum(1.0 - (x * x + y * y), 0.0)
  return h * h


def smoothstep(low, high, x):
  t = jnp.clip((x - low) / (high - low), 0.0, 1.0)
  return t * t * (3.0 - 2.0 * t)


def mix(a, b, t):
  return a + (b - a) * t


def ripple(x):
  """A cheap wave of period 1 between -1 and 1 with narrow valleys."""
  f = x - jnp.floor(x) - 0.5
  return 1.0 - 8.0 * f * f


def hash1(x):
  """Uniform [0, 1) from float lattice values."""
  x = x * 0.1031
  x = x - jnp.floor(x)
  x = x * (x + 33.33)
  x = x * (x + x)
  return x - jnp.floor(x)


def noise1(x):
  """Value noise on the line, [0, 1]."""
  cell = jnp.floor(x)
  f = x - cell
  f = f * f * (3.0 - 2.0 * f)
  a = hash1(cell)
  return a + (hash1(cell + 1.0) - a) * f


def noise2(x, y):
  """Value noise in the plane, [0, 1]."""
  cx, cy = jnp.floor(x), jnp.floor(y)
  fx, fy = x - cx, y - cy
  fx, fy = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy)
  first, second = 97.0 * hash1(cy), 97.0 * hash1(cy + 1.0)
  a, b, c, d = hash1(cx + first), hash1(cx + 1.0 + first), hash1(cx + second), hash1(cx + 1.0 + second)
  low, high = a + (b - a) * fx, c + (d - c) * fx
  return low + (high - low) * fy
