"""A live session in the worker: a thread computes its chunks at the pace of the clock, another one encodes them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.inference import clip as clip_lib
from seetalk_jax.inference.live_audio import SessionFullError
from seetalk_jax.inference.pipeline import SeeTalk
from seetalk_jax.inference.session import LiveChunk, Session
from seetalk_jax.media import audio, image
from seetalk_jax.media.live_video import LiveVideo
from seetalk_jax.serving import control_fields, messages
from seetalk_jax.serving.pace import Pace
from seetalk_jax.serving.turns import Turns

_NEWEST_SHARE = 0.2
_ARRIVING_SECONDS = 0.3  # audio that was pushed so lately goes on
_LOOK_SECONDS = 0.02  # between two looks for audio while somebody watches
_log = logging.getLogger(__name__)


class LiveSession:
  """Runs one session in a thread of its own.

  Args:
    pipe: the loaded checkpoint.
    request: the message that opens it.
    turns: see `Turns`.
    send: sends a message to the HTTP process.
  """

  def __init__(self, pipe: SeeTalk, request: messages.OpenSession, turns: Turns, send: Callable[[Any], None]):
    self._pipe, self._request, self._turns, self._send = pipe, request, turns, send
    self._id = request.session
    self._commands: queue.SimpleQueue[Any] = queue.SimpleQueue()
    self._session: Session | None = None
    self._video: LiveVideo | None = None  # of the reader
    self._reader = 0
    self._pushed = 0.0  # time of the last audio
    self._seconds = 0.0  # that a chunk takes with its encoding: a mean of the last ones
    self._pace: Pace | None = None
    # A chunk is encoded while the next one is computed.
    self._encoder = ThreadPoolExecutor(1, thread_name_prefix=f'encoder {self._id[:8]}')
    self._encoding: Future[float] | None = None

  def start(self) -> None:
    """Starts the thread."""
    threading.Thread(target=self._run, name=f'session {self._id[:8]}', daemon=True).start()

  def push(self, message: messages.PushAudio) -> None:
    """Appends audio; may be called while a chunk is computed."""
    session = self._session
    if session is None:
      self._send(messages.Reply(message.request, error='no such session', kind='gone'))
      return
    try:
      self._pushed = time.monotonic()
      session.push((np.frombuffer(message.samples, '<i2'), message.rate_hz))
      self._send(messages.Reply(message.request))
    except SessionFullError as error:
      self._send(messages.Reply(message.request, error=str(error), kind='full'))
    except InputError as error:
      self._send(messages.Reply(message.request, error=str(error)))

  def command(self, message: Any) -> None:
    """Puts a message into the queue of the thread."""
    self._commands.put(message)

  def _run(self) -> None:
    try:
      with self._turns.live(self._id):
        opened = self._open()
      self._send(messages.Reply(self._request.request, opened))
    except InputError as error:
      self._send(messages.Reply(self._request.request, error=str(error)))
      return
    except Exception as bug:
      _log.exception('session %s', self._id)
      self._send(messages.Reply(self._request.request, error=_line_of(bug)))
      return
    try:
      while self._obey():
        self._next_chunk()
    except Exception as bug:
      _log.exception('session %s', self._id)
      self._send(messages.SessionEnded(self._id, _line_of(bug)))
    finally:
      self._turns.next_due(self._id, None)
      self._encoder.shutdown()
      self._session.close()
      self._session = None

  def _open(self) -> messages.SessionOpened:
    form = self._request.options
    if self._request.portrait is not None:
      portrait = image.load_image(self._request.portrait)
    else:
      speech = audio.load_speech(self._request.speech)
      (portrait,) = self._pipe.portrait(speech, 1, form['seed'])
    arguments = {name: form[name] for name in ('seed', 'chunk', 'lookahead', 'steps', 'size', 'max_waiting')}
    session = self._pipe.session(
      portrait, guidance_scale=form['guidance'], **arguments, **control_fields.controls_of(form)
    )
    self._size = 2 * (form['size'] or self._pipe.side,)
    record = {**self._pipe.record(form['seed']), 'session': self._id}
    self._mark = clip_lib.watermark_of(record, self._size)
    self._tags = clip_lib.video_tags(record, self._mark)
    self._session, self._seconds = session, session.compute_seconds
    chunk = session.chunk_frames / clip_lib.FPS
    return messages.SessionOpened(session.delay, chunk, self._new_video().mime_type, self._size[0])

  def _new_video(self) -> LiveVideo:
    return LiveVideo(self._size, self._tags, None if self._mark is None else self._mark.mark_luma)

  def _obey(self) -> bool:
    """Carries out the messages that wait, or waits for one; False if the session is to be closed."""
    while True:
      try:
        message = self._commands.get(timeout=None if self._video is None else self._patience())
      except queue.Empty:
        return True
      if self._encoding is not None:
        self._encoding.result()  # chunks that were computed before a message are sent before its reply
      match message:
        case messages.CloseSession():
          return False
        case messages.Watch():
          self._video, self._reader = self._new_video(), message.reader
          self._pace = Pace(self._session.chunk_frames / clip_lib.FPS)
        case messages.Unwatch():
          self._video = self._pace = None
          self._turns.next_due(self._id, None)
        case messages.Command():
          self._send(self._done(message))

  def _patience(self) -> float:
    """Seconds to wait for a message before the next look for audio; SimpleQueue takes 0 as well."""
    return min(_LOOK_SECONDS, self._pace.due(self._seconds))

  def _done(self, message: messages.Command) -> messages.Reply:
    session = self._session
    try:
      if message.name == 'flush':
        session.flush()
        return messages.Reply(message.request)
      if message.name == 'clear':
        return messages.Reply(message.request, session.clear(**message.arguments))
      session.control(**control_fields.controls_of(message.arguments))
      return messages.Reply(message.request)
    except InputError as error:
      return messages.Reply(message.request, error=str(error))

  def _next_chunk(self) -> None:
    """Computes and sends the next chunk, if one is due or ready."""
    pace, began = self._pace, time.perf_counter()
    with self._turns.live(self._id):
      chunk = self._session.pull() if pace.may_speak(self._seconds) else None
      if chunk is None and pace.due(self._seconds) == 0 and not self._audio_comes():
        chunk = self._session.idle()
      if chunk is not None:
        computed = time.perf_counter() - began
        encoded = 0.0 if self._encoding is None else self._encoding.result()  # of the chunk before
        self._seconds += _NEWEST_SHARE * (computed + encoded - self._seconds)
        pace.sent(len(chunk.frames))
        self._encoding = self._encoder.submit(self._encode, self._video, self._reader, chunk, computed)
    self._turns.next_due(self._id, pace.due(self._seconds))

  def _audio_comes(self) -> bool:
    """Whether audio arrives, and the next chunk of it is complete in time."""
    session = self._session
    missing = (session.chunk_frames + session.lookahead_frames) / clip_lib.FPS - session.waiting
    arrives = time.monotonic() - self._pushed < _ARRIVING_SECONDS
    return arrives and self._pace.arrives_in_time(missing, self._seconds)

  def _encode(self, video: LiveVideo, reader: int, chunk: LiveChunk, computed: float) -> float:
    """Encodes and sends a chunk for a reader; returns the seconds that it took."""
    began = time.perf_counter()
    header = b'' if video.num_frames else video.header
    data = header + video.write(*chunk)
    spent = time.perf_counter() - began
    self._send(messages.Video(self._id, reader, data, computed + spent, self._session.delay))
    return spent


def _line_of(bug: Exception) -> str:
  return f'an error of the server ({type(bug).__name__}), this session: see its log'
