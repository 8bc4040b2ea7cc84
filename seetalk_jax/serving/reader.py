"""Reader of uploads: a process of its own checks them, so that no file can end the server, block it or fill its memory.

It checks one file after the other. A file that ends the process, takes too long or needs too much memory is refused in
one line, and the next file has a new process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import multiprocessing
import pathlib
import resource
import signal
from typing import Any, NamedTuple

from seetalk_jax.errors import InputError, SpeechError
from seetalk_jax.media.audio import load_speech
from seetalk_jax.serving.settings import Settings

MEMORY_BYTES = 2 * 2**30  # of the process that reads
_START_SECONDS = 120.0  # on a busy machine
_log = logging.getLogger(__name__)


class TooLongError(InputError):
  """The speech is longer than the server accepts."""


class _Check(NamedTuple):
  """A file to check; `kind` is 'speech' or 'portrait'.

  Attributes:
    path: the upload.
    name: the client's name of it, for messages.
    target: PNG file for the portrait crop.
    aligned: whether the picture is a portrait crop.
  """

  kind: str
  path: pathlib.Path
  name: str
  target: pathlib.Path | None = None
  aligned: bool = False


class Reader:
  """Checks uploads in a process of its own."""

  def __init__(self, settings: Settings):
    self._settings = settings
    self._thread = concurrent.futures.ThreadPoolExecutor(1, 'reader')
    self._closed = False
    self._process: Any = None
    self._connection: Any = None

  async def speech(self, path: pathlib.Path, name: str) -> float:
    """Seconds of a speech file.

    Args:
      path: the upload.
      name: the client's name of it, for messages.

    Raises:
      TooLongError: it is longer than `Settings.max_seconds`.
      InputError: it holds no speech that can be used, see `audio.load_speech`.
    """
    return await self._ask(_Check('speech', path, name))

  async def portrait(self, path: pathlib.Path, name: str, target: pathlib.Path, aligned: bool) -> None:
    """Writes the portrait crop of a picture to a PNG file.

    Args:
      path, name: see `speech`.
      target: the file to write.
      aligned: whether the picture is a portrait crop already.

    Raises:
      InputError: see `media.face.aligned_portrait`.
    """
    await self._ask(_Check('portrait', path, name, target, aligned))

  def start(self) -> None:
    """Starts the process, so that the first file need not wait for it."""
    self._thread.submit(self._start_if_needed)

  def close(self) -> None:
    """Ends the process."""
    self._closed = True
    if (process := self._process) is not None:
      process.kill()  # ends what the thread waits for
    self._thread.shutdown(cancel_futures=True)
    self._end()

  async def _ask(self, check: _Check) -> Any:
    return await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, check)

  def _exchange(self, check: _Check) -> Any:
    try:
      self._start_if_needed()
      self._connection.send(check)
      if not self._connection.poll(self._settings.check_seconds):
        self._end()
        raise InputError(f'reading takes too long, {check.name}: convert the file to another format')
      result = self._connection.recv()
    except (EOFError, OSError):
      self._end()
      raise InputError(f'the file cannot be read, {check.name}: convert it to another format') from None
    if isinstance(result, BaseException):
      raise result
    return result

  def _start_if_needed(self) -> None:
    if self._process is not None and self._process.is_alive():
      return
    self._end()
    if self._closed:
      raise EOFError
    spawn = multiprocessing.get_context('spawn')
    self._connection, theirs = spawn.Pipe()
    self._process = spawn.Process(
      target=_serve, args=(theirs, self._settings), name='seetalk-reader', daemon=True
    )
    self._process.start()
    theirs.close()
    if not self._connection.poll(_START_SECONDS):
      raise EOFError
    self._connection.recv()  # it is ready: the time of its imports is no file's

  def _end(self) -> None:
    if self._connection is not None:
      self._connection.close()
      self._process.kill()
      self._process.join()
      self._process = self._connection = None


def _serve(connection, settings: Settings) -> None:
  """The process: checks files until the connection is closed."""
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
  resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
  connection.send('ready')
  while True:
    try:
      check = connection.recv()
    except (EOFError, OSError):
      return
    connection.send(_checked(check, settings))


def _checked(check: _Check, settings: Settings) -> Any:
  """The result of a check, or its error, whose message has the client's name of the file."""
  try:
    if check.kind == 'speech':
      return _seconds_of(check.path, settings.max_seconds)
    return _crop(check, settings.landmarker)
  except InputError as error:
    return type(error)(str(error).replace(str(check.path), check.name))
  except MemoryError:
    return InputError(f'reading needs too much memory, {check.name}: make the file smaller')
  except Exception:
    _log.exception('an upload that the library does not refuse in one line')
    return InputError(f'the file cannot be read, {check.name}: convert it to another format')


def _seconds_of(path: pathlib.Path, most: float) -> float:
  """Seconds of a speech file; a long one is not read to its end."""
  from seetalk_jax.media import decode

  source = decode.open_source(path)
  count = 0
  for block in source.open_blocks():
    count += len(block)
    if count > most * source.rate_hz:
      raise TooLongError(
        f'the speech is longer than {most:g} s, {path}: at most {most:g} s are accepted here; '
        'seetalk generate takes any length'
      )
  if not count:
    raise SpeechError(f'no samples in the sound, {path}: give a recording')
  return load_speech(path).seconds


def _crop(check: _Check, landmarker: str | None) -> None:
  from seetalk_jax.media import face, image

  pixels = face.aligned_portrait(check.path, landmarker=landmarker, aligned=check.aligned)
  image.save_png(check.target, pixels, {image.CROP_VERSION_KEY: str(face.PORTRAIT_CROP.version)})
