"""What a clip must reach to be kept; apart from its measuring, so that `--help` loads nothing."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
  """What a clip must reach; every field is a flag of `seetalk prepare`.

  Attributes:
    min_seconds: of a clip.
    min_side: pixels of the portrait crop in the source picture.
    min_seen: share of a clip's frames in which the face is found (the rest is filled in).
    min_speech: share of the time with speech.
    min_sharpness: variance of the Laplacian of the 128-pixel grey crop, in grey levels squared.
    max_yaw: degrees between the median head and the camera.
    max_offset: frames between sound and mouth, where that can be told; None only flags.
  """

  min_seconds: float = 1.0
  min_side: int = 96
  min_seen: float = 0.9
  min_speech: float = 0.2
  min_sharpness: float = 8.0
  max_yaw: float = 60.0
  max_offset: int | None = None
