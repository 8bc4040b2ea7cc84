"""Sampling options of portraits and motion: steps, guidance and temperatures, with the library's defaults.

An option is taken from the call, else from the release (`sampling` in seetalk.json), else from the defaults
here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from seetalk_jax.constants import MOTION_STEPS


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingOptions:
  """How portraits and motion are sampled.

  Attributes:
    portrait_steps: sampling steps of a portrait, 1 to 1000.
    portrait_guidance: guidance scale of the portrait towards the voice; 1 is unguided.
    portrait_autoguidance: guidance scale away from the linear prediction of the face prior; 1 is none. Other values
      need a face prior with directions.
    portrait_temperature: standard deviation of the initial noise; 1 in training.
    portrait_voice_temperature: the same for the components that depend on the voice (age, sex).
    portrait_asymmetry: scale of the part of the initial noise in which the halves of a picture differ; 1 in training.
    motion_steps: sampling steps of a motion track, 1 to 1000.
    motion_guidance: guidance scale of the motion towards the speech; 1 is unguided.
    lip_scale: scale of refined lips about the neutral face; 1: as the lip refiner gives them. Has no effect without a
      lip refiner. Other values than 1 need a motion codec that was trained with motion vectors.
  """

  portrait_steps: int = 25
  portrait_guidance: float = 2.0
  portrait_autoguidance: float = 1.0
  portrait_temperature: float = 1.0
  portrait_voice_temperature: float = 1.0
  portrait_asymmetry: float = 1.0
  motion_steps: int = MOTION_STEPS
  motion_guidance: float = 1.0
  lip_scale: float = 1.0

  def updated(self, release: Mapping[str, float], **call: float | None) -> SamplingOptions:
    """These options, overridden by those of a release, and these by those of a call.

    Args:
      release: name -> value, `sampling` of a seetalk.json; unknown names are ignored.
      call: name -> value; None leaves the option unchanged.

    Raises:
      TypeError: an unknown name in `call`.
    """
    names = {field.name for field in dataclasses.fields(self)}
    chosen = {name: value for name, value in release.items() if name in names}
    chosen |= {name: value for name, value in call.items() if value is not None}
    return dataclasses.replace(self, **chosen)

  def to_json(self) -> dict[str, float]:
    """Name -> value, in the order of the fields; values are unchanged."""
    return dataclasses.asdict(self)
