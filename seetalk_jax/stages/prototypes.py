"""A few faces in the place of the mean one: prototypes of a corpus's latents, and the voices that go with each."""

from __future__ import annotations

import numpy as np

_SEED = 0
_MAX_ROUNDS = 100
# Tried for the softmax over the cosines of voices; the last mixes all prototypes almost alike.
_TEMPERATURES = np.logspace(-2, 1, 13)


def prototype_statistics(
  latents: np.ndarray, count: int, embeddings: np.ndarray | None = None
) -> dict[str, np.ndarray]:
  """Prototypes of latents `[n, h, w, c]`, by k-means; the same ones for the same latents.

  Args:
    latents: scaled.
    count: how many, at most n.
    embeddings: `[n, d]`, the voice vectors that go with them; None: no prototype has a voice.

  Returns:
    face_prior_prototypes `[count, h, w, c]`, the largest group's first. With voices also
    face_prior_prototype_voices `[count, d]`, the unit mean voice of each group, and face_prior_prototype_temperature,
    at which the mix of prototypes that voices choose is nearest to their faces.
  """
  flat = latents.reshape(len(latents), -1).astype(np.float32)
  centres, members = k_means(flat, count)
  found = {'face_prior_prototypes': centres.reshape(count, *latents.shape[1:])}
  if embeddings is None:
    return found
  heard = _unit(embeddings.astype(np.float32))
  voices = _unit(np.stack([heard[members == k].mean(0) for k in range(count)]))
  errors = [
    np.mean(np.square(_softmax(heard @ voices.T / temperature) @ centres - flat))
    for temperature in _TEMPERATURES
  ]
  return found | {
    'face_prior_prototype_voices': voices,
    'face_prior_prototype_temperature': np.float32(_TEMPERATURES[np.argmin(errors)]),
  }


def k_means(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Lloyd's algorithm from a k-means++ start (Arthur and Vassilvitskii, 2007) with a fixed seed.

  Args:
    rows: float32 `[n, d]`.
    count: how many groups, none of which stays empty.

  Returns:
    Means `[count, d]`, the largest group's first, and the group of each row, int `[n]`.

  Raises:
    ValueError: fewer rows than groups.
  """
  if len(rows) < count:
    raise ValueError(f'{len(rows)} rows cannot make {count} groups')
  rng = np.random.default_rng(_SEED)
  middle = rows.mean(0, dtype=np.float64).astype(np.float32)
  rows = rows - middle  # distances are differences of squares
  centres = rows[_spread_out(rows, count, rng)]
  members = np.full(len(rows), -1)
  for _ in range(_MAX_ROUNDS):
    before, distances = members, _squared_distances(rows, centres)
    members = np.argmin(distances, axis=1)
    nearest = np.take_along_axis(distances, members[:, None], axis=1)[:, 0]
    for k in np.setdiff1d(
      np.arange(count), members
    ):  # an empty group takes the row that fits worst elsewhere
      alone = np.bincount(members, minlength=count)[members] == 1
      worst = np.argmax(np.where(alone, -np.inf, nearest))
      members[worst], nearest[worst] = k, 0.0
    if np.array_equal(members, before):
      break
    centres = np.stack([rows[members == k].mean(0, dtype=np.float64) for k in range(count)]).astype(
      np.float32
    )
  order = np.argsort(-np.bincount(members, minlength=count), kind='stable')
  return centres[order] + middle, np.argsort(order)[members]


def _spread_out(rows: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
  """Rows to start from: each is drawn in proportion to its squared distance from those before it."""
  chosen = [int(rng.integers(len(rows)))]
  nearest = np.full(len(rows), np.inf)
  while len(chosen) < count:
    nearest = np.minimum(nearest, _squared_distances(rows, rows[chosen[-1:]])[:, 0])
    nearest[chosen] = 0.0
    total = nearest.sum()
    left = nearest / total if total > 0 else np.isin(np.arange(len(rows)), chosen, invert=True)
    chosen.append(int(rng.choice(len(rows), p=left / left.sum())))
  return chosen


def _squared_distances(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
  """`[n, d]` and `[k, d]` to `[n, k]`."""
  squares = np.sum(np.square(rows), axis=1)[:, None] + np.sum(np.square(centres), axis=1)
  return np.maximum(squares - 2 * rows @ centres.T, 0).astype(np.float64)


def _unit(vectors: np.ndarray) -> np.ndarray:
  return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _softmax(logits: np.ndarray) -> np.ndarray:
  weights = np.exp(logits - logits.max(-1, keepdims=True))
  return weights / weights.sum(-1, keepdims=True)
