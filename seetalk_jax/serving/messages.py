"""Messages between the HTTP process and the worker process, sent through a `multiprocessing` connection."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

# ------------------------------------------------------------------------------------------ to the worker


@dataclasses.dataclass(frozen=True)
class MakeJob:
  """Make the video of a job; one at a time.

  Attributes:
    job: its id.
    folder: with its inputs; the results are written there.
    options: see `forms.clip_form`.
  """

  job: str
  folder: pathlib.Path
  options: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class CancelJob:
  """Stop making a job."""

  job: str


@dataclasses.dataclass(frozen=True)
class OpenSession:
  """Open a live session; answered by a `Reply` with `SessionOpened`.

  Attributes:
    request: number of the reply.
    session: its id.
    portrait: PNG file of an aligned portrait, or None.
    speech: speech file for which a portrait is drawn, or None.
    options: see `forms.session_form`.
  """

  request: int
  session: str
  portrait: pathlib.Path | None
  speech: pathlib.Path | None
  options: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class PushAudio:
  """Append audio to a session; answered by a `Reply`.

  Attributes:
    request, session: see `OpenSession`.
    samples: PCM, signed 16 bit, little endian, mono.
    rate_hz: their rate.
  """

  request: int
  session: str
  samples: bytes
  rate_hz: int


@dataclasses.dataclass(frozen=True)
class Command:
  """A method of a session, called between two chunks; answered by a `Reply`.

  Attributes:
    request, session: see `OpenSession`.
    name: 'flush', 'clear' or 'control'.
    arguments: of the method.
  """

  request: int
  session: str
  name: str
  arguments: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Watch:
  """Somebody reads the video of a session from now on: a new one begins, with its header.

  Attributes:
    session: its id.
    reader: number of the reader, which its `Video`s carry.
  """

  session: str
  reader: int


@dataclasses.dataclass(frozen=True)
class Unwatch:
  """Nobody reads the video of a session any more: nothing is computed."""

  session: str


@dataclasses.dataclass(frozen=True)
class CloseSession:
  """Close a session."""

  session: str


@dataclasses.dataclass(frozen=True)
class Stop:
  """End the process."""


# ---------------------------------------------------------------------------------------- from the worker


@dataclasses.dataclass(frozen=True)
class Ready:
  """The checkpoint is loaded.

  Attributes:
    checkpoint, device: name of the checkpoint, and 'cpu', 'gpu' or 'tpu'.
    side: side of the frames in pixels, if no other size is asked for.
    controls: motion controls that the checkpoint supports.
  """

  checkpoint: str
  device: str
  side: int
  controls: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CannotLoad:
  """The checkpoint cannot be loaded; another try would fail too."""

  line: str


@dataclasses.dataclass(frozen=True)
class JobProgress:
  """A step of a job.

  Attributes:
    job: its id.
    stage: 'sampling', 'portrait' (it is written), 'frames' or 'paused' (live sessions go first).
    done, total: frames.
  """

  job: str
  stage: str
  done: int = 0
  total: int = 0


@dataclasses.dataclass(frozen=True)
class JobDone:
  """A job is finished; `error` is one line if it failed, or None."""

  job: str
  error: str | None = None


@dataclasses.dataclass(frozen=True)
class SessionOpened:
  """What is known about a session that is open.

  Attributes:
    delay: seconds from a sample's push to its frame.
    chunk: seconds of a chunk.
    mime_type: of its video.
    size: side of the frames in pixels.
  """

  delay: float
  chunk: float
  mime_type: str
  size: int


@dataclasses.dataclass(frozen=True)
class Reply:
  """The answer to a request.

  Attributes:
    request: its number.
    value: the result.
    error: one line if the request failed, or None.
    kind: 'input', 'full' or 'gone' (no such session), of an error.
  """

  request: int
  value: Any = None
  error: str | None = None
  kind: str = 'input'


@dataclasses.dataclass(frozen=True)
class Video:
  """A chunk of the video of a session.

  Attributes:
    session: its id.
    reader: see `Watch`.
    data: bytes of the fragmented mp4 file; those of the first chunk begin with the header.
    seconds: that computing and encoding took.
    delay: see `Session.delay`.
  """

  session: str
  reader: int
  data: bytes
  seconds: float
  delay: float


@dataclasses.dataclass(frozen=True)
class SessionEnded:
  """A session ended by itself; `error` is one line."""

  session: str
  error: str
