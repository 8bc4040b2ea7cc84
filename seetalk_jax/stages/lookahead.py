"""Look-ahead and given past of motion tracks in training: random cuts of windows, as live sessions have them.

A live session samples motion in chunks. It has the motion of the frames before a chunk, and speech until some frames
after it: the look-ahead. A cut track has the same: its first frames are given, the frames until a boundary are
estimated, and its speech ends at the boundary plus the look-ahead.

The speech encoder is not causal: a token depends on speech after its frame, on less than one second with log-mel
features, on all of it with wav2vec 2.0. So the samples are cut, and not the tokens. The encoder reads the cut speech as
a recording that ends there. Tokens near the cut, and the level that speech is divided by, differ from those of the
whole recording, in training and in a live session alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.constants import LEAST_LOOKAHEAD, SAMPLES_PER_FRAME
from seetalk_jax.errors import ConfigError

LEAST = LEAST_LOOKAHEAD  # also the fewest frames that a cut track leaves to estimate
SHORTEST = 2 * LEAST  # frames of the shortest track that is cut


class Cuts(NamedTuple):
  """Where tracks are cut, in frames, int32 `[b]`; `0 <= past < boundary <= end`.

  Attributes:
    past: number of given frames, the first ones.
    boundary: frames from `past` to `boundary` are estimated and count in losses.
    end: there is no speech from here on: `boundary` plus the look-ahead, or the length of a track that sees all of it.
    limited: bool, tracks with a limited look-ahead.
  """

  past: jax.Array
  boundary: jax.Array
  end: jax.Array
  limited: jax.Array

  def repeated(self, draws: int) -> Cuts:
    """The cuts of tracks that are repeated, `[b draws]`."""
    return Cuts(*(jnp.repeat(x, draws, axis=0) for x in self))

  def given(self, num_frames: int) -> jax.Array:
    """Frames whose motion is given, bool `[b, num_frames]`."""
    return jnp.arange(num_frames) < self.past[:, None]

  def counted(self, num_frames: int) -> jax.Array:
    """1 for frames that count in losses and 0 for others, float32 `[b, num_frames]`."""
    frames = jnp.arange(num_frames)
    return ((frames >= self.past[:, None]) & (frames < self.boundary[:, None])).astype(jnp.float32)

  def num_samples(self, num_samples: jax.Array | int) -> jax.Array:
    """Samples of speech until the cut, int32 `[b]`, from the numbers before it, `[b]` or one for all."""
    return jnp.where(self.limited, self.end * SAMPLES_PER_FRAME, num_samples).astype(jnp.int32)


def draw(rng: jax.Array, lengths: jax.Array, lookahead_rate: float, past_rate: float = 0.0) -> Cuts:
  """Random cuts of tracks.

  The past has 0 to `length - SHORTEST` frames, all alike. The look-ahead has `LEAST` frames to what the track allows,
  uniform in its logarithm: short ones are as frequent as long ones. The boundary is anywhere that leaves both. Tracks
  shorter than `SHORTEST` are not cut.

  Args:
    rng: random key.
    lengths: frames of each track, int `[b]`.
    lookahead_rate: share of the tracks with a limited look-ahead, 0 to 1.
    past_rate: share of the tracks with given frames, 0 to 1.
  """
  keys = jax.random.split(rng, 5)
  with_past, past, limited, ahead, at = (jax.random.uniform(key, lengths.shape) for key in keys)

  def below(share, count):  # 0 .. count - 1
    return jnp.minimum(jnp.floor(share * count), count - 1).astype(jnp.int32)

  lengths = lengths.astype(jnp.int32)
  most = jnp.maximum(lengths - SHORTEST, 0)
  past = jnp.where(with_past < past_rate, below(past, most + 1), 0)
  longest = lengths - past - LEAST
  cut = (limited < lookahead_rate) & (longest >= LEAST)
  longest = jnp.maximum(longest, LEAST)
  lookahead = jnp.clip(LEAST * (longest / LEAST) ** ahead, LEAST, longest).astype(jnp.int32)
  first = past + LEAST
  boundary = first + below(at, jnp.maximum(lengths - lookahead - first + 1, 1))
  boundary = jnp.where(cut, boundary, lengths)
  return Cuts(past, boundary, jnp.where(cut, boundary + lookahead, lengths), cut)


def check(stage: str, config: Any, lookahead_rate: float, num_frames: int, past_rate: float = 0.0) -> None:
  """Checks the options of a stage that cuts tracks.

  Args:
    stage: its name, for the message.
    config: its configuration.
    num_frames: frames of its tracks.

  Raises:
    ConfigError: a rate outside of 0 to 1, tracks that are too short, or a limited look-ahead with cached features: they
      hold tokens of whole recordings.
  """
  for name, rate in (('lookahead_rate', lookahead_rate), ('past_rate', past_rate)):
    if not 0 <= rate <= 1:
      raise ConfigError(f'config.options.{name}={rate} of stage {stage} is a share: set it to 0 to 1')
  if (lookahead_rate or past_rate) and num_frames < SHORTEST:
    raise ConfigError(
      f'config.options.lookahead_rate and past_rate of stage {stage} need tracks of {SHORTEST} frames or more, and '
      f'these have {num_frames}: use longer ones, or set both to 0'
    )
  if lookahead_rate and config.get('data', {}).get('cached_samples', 0):
    raise ConfigError(
      f'config.options.lookahead_rate={lookahead_rate:g} of stage {stage} cuts speech before it is encoded, and '
      'config.data.cached_samples keeps tokens of whole speech: set one of them to 0'
    )
