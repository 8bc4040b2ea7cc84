"""Settings of the server, and where its files lie."""

from __future__ import annotations

import dataclasses
import pathlib

MEBIBYTE = 2**20
DEFAULT_CHUNK_SECONDS = (
  0.8  # of live sessions: two idle cores keep up with the demo weights (docs/serving.md)
)
MAX_TRIES = 2  # of a job whose worker process dies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
  """Settings of `seetalk serve`; they are sent to the worker process too.

  Attributes:
    folder: jobs and uploads lie here.
    checkpoint: folder of a release, or 'demo'.
    device: 'cpu', 'gpu', 'tpu' or None for JAX's default.
    landmarker: MediaPipe's face_landmarker.task; None: see `media.face`.
    max_seconds: longest speech that is accepted.
    max_bytes: largest upload that is accepted.
    queue: jobs that may wait.
    sessions: live sessions at a time.
    idle_seconds: a session without reader and audio for so long is closed.
    keep_seconds: finished and failed jobs are removed after this time.
    check_seconds: the check of an upload may take so long.
  """

  folder: pathlib.Path
  checkpoint: str = 'demo'
  device: str | None = None
  landmarker: str | None = None
  max_seconds: float = 60.0
  max_bytes: int = 200 * MEBIBYTE
  queue: int = 32
  sessions: int = 1
  idle_seconds: float = 60.0
  keep_seconds: float = 3600.0
  check_seconds: float = 60.0

  @property
  def jobs(self) -> pathlib.Path:
    """Folder with a folder for each job."""
    return self.folder / 'jobs'

  @property
  def uploads(self) -> pathlib.Path:
    """Folder of uploads that are not checked yet; empty when no request runs."""
    return self.folder / 'uploads'
