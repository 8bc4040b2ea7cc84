"""Synthetic worlds of the evaluation: part labels and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seetalk_jax import cartoon_motion
from seetalk_jax.constants import Part
from seetalk_jax.errors import ConfigError
from seetalk_jax.synthetic import parameters, source

# Fields of a look that are independent of the person's identity.
_DRESS_FIELDS = ('cloth_', 'neckline', 'backdrop_')


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

  def own_fields(self, motion: np.ndarray) -> np.ndarray:
    """The fields `[n, d]` that the world is drawn from for a motion track `[n, 58]`."""
    return motion

  def draw_redressed(self, speaker: int, seed: int, motion: np.ndarray, size: int) -> source.RenderedClip:
    """As `draw`, with other clothes, light and background in every frame if the world supports it.

    Landmarks and lip box may be zeros.
    """
    return self._world.draw(speaker, seed, motion, size)

  def voice_numbers(self, speakers: Sequence[int]) -> np.ndarray | None:
    """Synthesis parameters `[n, d]` of each speaker's voice; None if the world has none."""
    return None


class MeasuredSyntheticWorld(MeasuredWorld):
  """The synthetic world of `synthetic.head` and `synthetic.voice`."""

  def __init__(self):
    super().__init__(
      source.SyntheticWorld(),
      skin_parts=(int(Part.SKIN),),
      hair_parts=(int(Part.HAIR),),
      outside_parts=(int(Part.BACKGROUND), int(Part.BODY)),
    )

  def opening(self, motion: np.ndarray) -> np.ndarray:
    from seetalk_jax.synthetic import head

    average = head.array_to_identity(np.zeros((len(motion), head.IDENTITY_DIM), np.float32))
    return np.asarray(head.mouth_opening(average, parameters.vector_to_motion(motion)))

  def own_fields(self, motion: np.ndarray) -> np.ndarray:
    return cartoon_motion.from_vector(motion)

  def draw_redressed(self, speaker: int, seed: int, motion: np.ndarray, size: int) -> source.RenderedClip:
    import jax

    from seetalk_jax.synthetic import head, speakers

    person = speakers.sample_speaker(speaker)
    identity = head.sample_identity(person, seed)
    identities, lights = [], []
    for i in range(len(motion)):
      other = head.sample_identity(person, seed + 1_000_000 + i)
      dress = {name: getattr(other, name) for name in identity._fields if name.startswith(_DRESS_FIELDS)}
      identities.append(identity._replace(**dress))
      lights.append(head.sample_settings(seed + i))
    stacked = [jax.tree.map(lambda *rows: np.stack(rows), *trees) for trees in (identities, lights)]
    identities, lights = stacked
    motions = parameters.vector_to_motion(motion)
    rendered = jax.device_get(head.render_batch(identities, motions, lights, size=size))
    points = np.zeros((len(motion), len(head.LANDMARKS), 2), np.float32)
    return source.RenderedClip(
      frames=np.round(255.0 * rendered.image).astype(np.uint8),
      canonical=rendered.canonical.astype(np.float16),
      parts=rendered.parts,
      landmarks=points,
      lip_box=np.zeros((len(motion), 4), np.float32),
      opening=np.asarray(head.mouth_opening(identities, motions), np.float32),
      identity=head.identity_to_array(identity),
    )

  def voice_numbers(self, speakers: Sequence[int]) -> np.ndarray:
    from seetalk_jax.synthetic import voice
    from seetalk_jax.synthetic.speakers import sample_speaker

    rows = []
    for speaker in speakers:
      v = voice.voice_of(sample_speaker(int(speaker)))
      logarithms = np.log([v.pitch_hz, v.formant_scale])
      rows.append([*logarithms, v.pitch_range, v.rate, v.roughness, v.breath, v.tilt])
    return np.asarray(rows, np.float64)


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


def measured_world(name: str) -> MeasuredWorld:
  """The world of a configuration: 'cartoon' or 'human'.

  Raises:
    ConfigError: another name.
  """
  worlds = {'cartoon': MeasuredSyntheticWorld, 'human': MeasuredHumanWorld}
  if name not in worlds:
    raise ConfigError(f'unknown world {name!r}, --config.world: use one of {", ".join(worlds)}')
  return worlds[name]()
