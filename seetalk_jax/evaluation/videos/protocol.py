"""Protocol of a video evaluation: everything that changes a number apart from the videos and the networks."""

from __future__ import annotations

import dataclasses

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.evaluation import disk_cache
from seetalk_jax.evaluation.probes.landmarks import FRAMINGS
from seetalk_jax.evaluation.videos import catalogue

VERSION = 2  # changes when the same settings give other numbers


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How videos are read and what is sampled from them.

  Videos are decoded from their files, resampled to 25 fps by time stamp, and their sound to 16 kHz mono.

  Attributes:
    framing: 'frame': whole frames, resized to a square. 'portrait': one square around the face for the whole video,
      as `seetalk prepare` crops. Pictures of two videos are compared only in 'frame', unless both have the same face.
    side: side of that square in pixels.
    max_seconds: only the start of longer videos is measured; 0: all of it.
    picture_every: frames from one picture of the Frechet distance (FID) to the next.
    drift_seconds: times at which identity and sharpness are compared with the start.
  """

  framing: str = 'frame'
  side: int = 256
  max_seconds: float = 0.0
  picture_every: int = 5
  drift_seconds: tuple[float, ...] = catalogue.DRIFT_SECONDS

  def __post_init__(self):
    if self.framing not in FRAMINGS:
      raise ValueError(f'framing must be one of {", ".join(FRAMINGS)}, got {self.framing!r}')
    for name, least in (('side', 64), ('max_seconds', 0), ('picture_every', 1)):
      if getattr(self, name) < least:
        raise ValueError(f'{name} must be at least {least}, got {getattr(self, name)}')

  @property
  def max_frames(self) -> int | None:
    """Most frames of a video that are measured; None: all."""
    return round(self.max_seconds * FPS) if self.max_seconds else None

  def described(self) -> dict[str, object]:
    """All settings, and the constants that they stand beside, as plain values."""
    settings = dataclasses.asdict(self)
    return {
      'version': VERSION,
      'fps': FPS,
      'sample_rate_hz': SAMPLE_RATE_HZ,
      **settings,
      'drift_seconds': list(self.drift_seconds),
    }

  def digest(self) -> str:
    """Ten hex digits of the SHA-256 of `described()`. Numbers of two digests must not be compared."""
    return disk_cache.digest(self.described())
