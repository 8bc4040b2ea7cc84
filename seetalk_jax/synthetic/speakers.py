"""Who speaks: the traits that a voice and a face share, drawn from the speaker's number alone."""

from __future__ import annotations

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import parameters

SPLIT_OFFSETS = {'train': 0, 'validation': 1_000_000, 'test': 2_000_000}
MIN_AGE, MAX_AGE = 18.0, 80.0
_STREAM = 0x5EA1  # keeps these draws apart from the look's and the voice's of the same number


def sample_speaker(speaker_id: int) -> parameters.Speaker:
  """The speaker with this number; the same number is always the same person.

  Half are female (sex below 0.1 for most), half male (above 0.9 for most), a few lie between. Age is uniform
  from 18 to 80. Head size is a standard score, 0.4 higher in males and 0.4 lower in females on average.
  """
  if speaker_id < 0:
    raise InputError(f'negative speaker {speaker_id}, speaker_id, use 0 or more')
  rng = np.random.default_rng([_STREAM, speaker_id])
  male = rng.random() < 0.5
  from_end = rng.beta(0.6, 12.0)
  sex = 1.0 - from_end if male else from_end
  age = rng.uniform(MIN_AGE, MAX_AGE)
  head_size = float(np.clip(0.8 * (sex - 0.5) + 0.9 * rng.standard_normal(), -2.3, 2.3))
  return parameters.Speaker(speaker_id=int(speaker_id), sex=float(sex), age=float(age), head_size=head_size)


def speaker_ids(split: str, count: int) -> range:
  """The first `count` speakers of a split ('train', 'validation', 'test'); splits share no speaker."""
  if split not in SPLIT_OFFSETS:
    raise InputError(f'unknown split {split!r}, split, use one of {", ".join(SPLIT_OFFSETS)}')
  if not 0 <= count <= 1_000_000:
    raise InputError(f'{count} speakers asked for, count, use 0 to 1000000')
  return range(SPLIT_OFFSETS[split], SPLIT_OFFSETS[split] + count)


def split_of(speaker_id: int) -> str:
  """The split that a speaker belongs to."""
  return [name for name, offset in SPLIT_OFFSETS.items() if speaker_id >= offset][-1]
