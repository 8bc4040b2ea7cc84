"""Live sessions in the HTTP process: who reads and speaks, limits, and the way of the video from worker to reader."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import pathlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from seetalk_jax.serving import messages
from seetalk_jax.serving.problems import NoSuchThing, SessionsTaken
from seetalk_jax.serving.settings import Settings
from seetalk_jax.serving.supervisor import Supervisor

_READER_CHUNKS = 16  # a reader that is so far behind is let go


@dataclasses.dataclass
class OpenedSession:
  """A live session.

  Attributes:
    id: hexadecimal digits that nobody guesses.
    info: what the worker says of it.
    reader: number of the reader, or None.
    chunks: of the reader; None ends its stream.
    active: time of the last audio, or of the last chunk that was read.
  """

  id: str
  info: messages.SessionOpened
  reader: int | None = None
  chunks: asyncio.Queue[bytes | None] = dataclasses.field(default_factory=asyncio.Queue)
  active: float = dataclasses.field(default_factory=time.monotonic)


class Sessions:
  """Live sessions by id; used in the event loop alone.

  Args:
    settings: of the server.
    supervisor: sends messages to the worker.
    on_chunk: called with every `messages.Video`.
  """

  def __init__(self, settings: Settings, supervisor: Supervisor, on_chunk: Callable[[messages.Video], None]):
    self._settings, self._supervisor, self._on_chunk = settings, supervisor, on_chunk
    self._open: dict[str, OpenedSession] = {}
    self._opening = 0
    self._readers = itertools.count(1)

  def __len__(self) -> int:
    return len(self._open) + self._opening

  def check_room(self) -> None:
    """Raises `SessionsTaken` if no further session may be opened."""
    if len(self) >= self._settings.sessions:
      raise SessionsTaken

  def find(self, session_id: str) -> OpenedSession:
    """The session of an id.

    Raises:
      NoSuchThing: there is none.
    """
    session = self._open.get(session_id)
    if session is None:
      raise NoSuchThing('no such session, or it was closed: open a new one')
    return session

  async def open(
    self, portrait: pathlib.Path | None, speech: pathlib.Path | None, options: dict[str, Any]
  ) -> OpenedSession:
    """Opens a session; returns when everything is compiled.

    Args:
      portrait: PNG file of an aligned portrait, or None.
      speech: speech for which a portrait is drawn, or None.
      options: see `forms.session_form`.

    Raises:
      SessionsTaken, WorkerGone, RequestFailed: it cannot be opened.
    """
    self.check_room()
    session_id = secrets.token_hex(16)
    self._opening += 1
    try:
      make = lambda number: messages.OpenSession(number, session_id, portrait, speech, options)
      info = await self._supervisor.ask(make)
      session = self._open[session_id] = OpenedSession(session_id, info)
      return session
    except BaseException:
      self._supervisor.send(messages.CloseSession(session_id))
      raise
    finally:
      self._opening -= 1

  async def push(self, session: OpenedSession, samples: bytes, rate_hz: int) -> None:
    """Appends audio, see `messages.PushAudio`."""
    await self._supervisor.ask(lambda number: messages.PushAudio(number, session.id, samples, rate_hz))
    session.active = time.monotonic()

  async def command(self, session: OpenedSession, name: str, **arguments: Any) -> Any:
    """Calls a method, see `messages.Command`."""
    return await self._supervisor.ask(lambda number: messages.Command(number, session.id, name, arguments))

  async def video(self, session: OpenedSession) -> AsyncIterator[bytes]:
    """Yields the video from now on, until the session is closed, or another reader comes."""
    session.chunks.put_nowait(None)  # an earlier reader ends
    number, chunks = next(self._readers), asyncio.Queue()
    session.reader, session.chunks = number, chunks
    self._supervisor.send(messages.Watch(session.id, number))
    try:
      while (data := await chunks.get()) is not None:
        session.active = time.monotonic()
        yield data
    finally:
      if session.reader == number:
        session.reader, session.active = None, time.monotonic()
        self._supervisor.send(messages.Unwatch(session.id))

  def close(self, session: OpenedSession) -> None:
    """Closes a session; its reader's stream ends."""
    if self._open.pop(session.id, None) is not None:
      session.chunks.put_nowait(None)
      self._supervisor.send(messages.CloseSession(session.id))

  def close_idle(self) -> None:
    """Closes sessions without reader and audio."""
    now = time.monotonic()
    for session in list(self._open.values()):
      if session.reader is None and now - session.active > self._settings.idle_seconds:
        self.close(session)

  def on_message(self, message: messages.Video | messages.SessionEnded) -> None:
    """Takes a message of the worker about a session."""
    session = self._open.get(message.session)
    if isinstance(message, messages.SessionEnded):
      if session is not None:
        self.close(session)
      return
    self._on_chunk(message)
    if session is None or message.reader != session.reader:
      return
    if session.chunks.qsize() >= _READER_CHUNKS:
      session.reader = None
      session.chunks.put_nowait(None)
      self._supervisor.send(messages.Unwatch(session.id))
    else:
      session.chunks.put_nowait(message.data)

  def on_death(self) -> None:
    """The worker has died, and all sessions with it."""
    for session in list(self._open.values()):
      self.close(session)
