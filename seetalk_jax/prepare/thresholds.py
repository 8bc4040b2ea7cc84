"""Thresholds of clip quality; a module of their own, so that `--help` imports no heavy dependency."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
  """Limits that a clip must meet to be kept; every field is a flag of `seetalk prepare`.

  Attributes:
    min_seconds: minimum duration of a clip.
    min_side: minimum side of the portrait crop in pixels of the source image.
    max_outside: maximum share of the portrait crop that lies outside of the picture, where edge pixels are repeated.
    min_seen: minimum share of frames in which the face is found (the other frames are interpolated).
    min_speech: minimum share of the time with speech.
    min_sharpness: minimum variance of the Laplacian of the 128-pixel gray crop, in gray levels squared.
    max_yaw: maximum angle in degrees between the median head direction and the camera.
    max_offset: maximum audio-visual offset in frames, applied if the offset is certain; None only flags the
      clip.
  """

  min_seconds: float = 1.0
  min_side: int = 96
  max_outside: float = 0.4
  min_seen: float = 0.9
  min_speech: float = 0.2
  min_sharpness: float = 8.0
  max_yaw: float = 60.0
  max_offset: int | None = None
