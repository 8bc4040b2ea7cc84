"""The synthetic world of the evaluation: part labels and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seetalk_jax import constants
from seetalk_jax.constants import Part
from seetalk_jax.synthetic import source


class MeasuredWorld:
  """A synthetic world (`World`) with the further labels that the figures need.

  Attributes:
    skin_parts, hair_parts: part labels of bare skin and of hair.
    outside_parts: part labels outside the head: background and body.
  """

  def __init__(
    self,
    world: Any,
    *,
    skin_parts: tuple[int, ...],
    hair_parts: tuple[int, ...],
    outside_parts: tuple[int, ...],
  ):
    self._world = world
    self.skin_parts, self.hair_parts, self.outside_parts = skin_parts, hair_parts, outside_parts

  def __getattr__(self, name: str):
    return getattr(self._world, name)

  def speakers(self, split: str, first: int, num: int) -> list[int]:
    """Ids of `num` speakers of a split, from the one at index `first`."""
    return [int(speaker) for speaker in self._world.speaker_ids(split, first + num)[first:]]

  def portrait(self, speaker: int, seed: int, size: int) -> np.ndarray:
    """A neutral frontal rendering of a speaker, uint8 `[size, size, 3]`; `seed` chooses the appearance."""
    return self._world.draw(int(speaker), seed, self._world.neutral(seed)[None], size).frames[0]

  def opening(self, motion: np.ndarray) -> np.ndarray:
    """Mouth opening `[n]` of a motion track `[n, 58]` of an average face."""
    raise NotImplementedError

  def draw_redressed(self, speaker: int, seed: int, motion: np.ndarray, size: int) -> source.RenderedClip:
    """As `draw`, with other clothes, light, camera and background in every frame if the world supports it."""
    draw = getattr(self._world, 'draw_redressed', self._world.draw)
    return draw(speaker, seed, motion, size)

  def voice_numbers(self, speakers: Sequence[int]) -> np.ndarray | None:
    """Synthesis parameters `[n, d]` of each speaker's voice; None if the world has none."""
    return None

  def melanin(self, speaker: int, seed: int) -> float | None:
    """Melanin of the skin that `draw` shows with this seed, 0.1 (very fair) to 2.7; None if the world has none."""
    return None

  def language(self, speaker: int, seed: int) -> str | None:
    """Code of the language of `talk` with this seed, without the region; None if the world has none."""
    return None


class MeasuredHumanWorld(MeasuredWorld):
  """The world of people, `synthetic.human`."""

  def __init__(self):
    from seetalk_jax.synthetic.human import world

    super().__init__(
      world.HumanWorld(),
      skin_parts=(int(Part.SKIN),),
      hair_parts=(int(Part.HAIR),),
      outside_parts=(int(Part.BACKGROUND), int(Part.BODY)),
    )

  def opening(self, motion: np.ndarray) -> np.ndarray:
    from seetalk_jax.synthetic.acting import geometry, lips

    gap = lips.opening(np.asarray(motion[:, constants.COEFFICIENTS], np.float64))
    return (np.maximum(gap, 0.0) / geometry.lips().face_height).astype(np.float32)

  def voice_numbers(self, speakers: Sequence[int]) -> np.ndarray:
    from seetalk_jax.synthetic import voice
    from seetalk_jax.synthetic.speakers import sample_speaker

    rows = []
    for speaker in speakers:
      v = voice.voice_of(sample_speaker(int(speaker)))
      logarithms = np.log([v.pitch_hz, v.formant_scale])
      rows.append([*logarithms, v.pitch_range, v.rate, v.roughness, v.breath, v.tilt])
    return np.asarray(rows, np.float64)

  def melanin(self, speaker: int, seed: int) -> float:
    from seetalk_jax.synthetic.human import people
    from seetalk_jax.synthetic.speakers import sample_speaker

    return float(people.sample(sample_speaker(int(speaker)), seed).skin.melanin)

  def language(self, speaker: int, seed: int) -> str:
    return self._world.language(speaker, seed).split('-')[0]
