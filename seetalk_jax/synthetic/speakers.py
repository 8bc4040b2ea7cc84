"""Speaker sampling: attributes shared by voice and face, as a function of the speaker id, and speaker splits."""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.errors import InputError

SPLIT_OFFSETS = {'train': 0, 'validation': 1_000_000, 'test': 2_000_000}
MIN_AGE, MAX_AGE = 18.0, 80.0
_STREAM = 0x5EA1  # separates this random stream from those of the identity and the voice


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speaker:
  """Attributes shared by the voice and the face of a speaker.

  Attributes:
    speaker_id: unique integer; the seed of all random choices for this speaker.
    sex: 0 for female voice and face traits, 1 for male; continuous in [0, 1], mostly near the ends.
    age: age in years, 18 to 80.
    head_size: standard score, about -2 to 2; larger heads have longer vocal tracts (lower formants).
  """

  speaker_id: int
  sex: float
  age: float
  head_size: float

  @property
  def attributes(self) -> np.ndarray:
    """Attribute vector, float32 `[3]`: sex in [0, 1], age in years, head size as a standard score."""
    return np.array([self.sex, self.age, self.head_size], np.float32)


def sample_speaker(speaker_id: int) -> Speaker:
  """Samples the attributes of a speaker; the same id always gives the same speaker.

  Half of the speakers are female (mostly sex below 0.1) and half are male (mostly above 0.9); a few are
  between. Age is uniform from 18 to 80. Head size is a standard score, on average 0.4 higher for males and
  0.4 lower for females.
  """
  if speaker_id < 0:
    raise InputError(f'negative speaker {speaker_id}, speaker_id, use 0 or more')
  rng = np.random.default_rng([_STREAM, speaker_id])
  male = rng.random() < 0.5
  from_end = rng.beta(0.6, 12.0)
  sex = 1.0 - from_end if male else from_end
  age = rng.uniform(MIN_AGE, MAX_AGE)
  head_size = float(np.clip(0.8 * (sex - 0.5) + 0.9 * rng.standard_normal(), -2.3, 2.3))
  return Speaker(speaker_id=int(speaker_id), sex=float(sex), age=float(age), head_size=head_size)


def speaker_ids(split: str, count: int) -> range:
  """Ids of the first `count` speakers of a split ('train', 'validation', 'test'); splits share no speaker."""
  if split not in SPLIT_OFFSETS:
    raise InputError(f'unknown split {split!r}, argument split: use one of {", ".join(SPLIT_OFFSETS)}')
  if not 0 <= count <= 1_000_000:
    raise InputError(f'{count} speakers, argument count: use 0 to 1000000')
  return range(SPLIT_OFFSETS[split], SPLIT_OFFSETS[split] + count)


def split_of(speaker_id: int) -> str:
  """Returns the split of a speaker."""
  return [name for name, offset in SPLIT_OFFSETS.items() if speaker_id >= offset][-1]
