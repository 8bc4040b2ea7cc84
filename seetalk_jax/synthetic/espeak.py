"""Deterministic espeak-ng synthesis: a server process that forks a fresh engine for every utterance.

The engine keeps hidden state between calls, so the same text synthesized twice in one process differs. The
server (this file run as a script: standard library only, single-threaded) initializes the engine once and
forks for every request. Each fork starts from the same state, so the same request gives the same samples, bit
for bit, in any order and process. On systems without fork, every request uses a new process.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import threading
from typing import NamedTuple

ENGINE_RATE_HZ = 22050
_SYNCHRONOUS = 2
_PHONEME_EVENTS_IPA_NO_EXIT = 0x1 | 0x2 | 0x8000
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8 = 1


class Segment(NamedTuple):
  """Synthesized audio of one text, with phoneme events.

  Attributes:
    pcm: little-endian int16 samples as bytes, at `ENGINE_RATE_HZ`.
    events: `(first sample, IPA label)`; an empty label is silence. A phoneme ends where the next one starts.
  """

  pcm: bytes
  events: list[tuple[int, str]]


# --- Client: called by the library ----------------------------------------------------------------


@functools.cache
def _engine_paths() -> tuple[str, str]:
  """Paths of the engine's shared library and data folder; raises InputError if the extra is not installed."""
  try:
    import espeakng_loader
  except ImportError as error:
    from seetalk_jax.errors import InputError

    raise InputError(
      'no speech synthesizer, espeakng-loader is not installed, pip install "seetalk-jax[synthetic]"'
    ) from error
  return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()


def data_folder() -> pathlib.Path:
  """The engine's folder of languages and voices; raises InputError if the extra is not installed."""
  return pathlib.Path(_engine_paths()[1])


@functools.cache
def _language_files() -> dict[str, pathlib.Path]:
  """Maps lower-case language codes to the engine's voice files, according to the engine's priorities."""
  best: dict[str, tuple[int, pathlib.Path]] = {}
  for path in sorted((data_folder() / 'lang').rglob('*')):
    if not path.is_file():
      continue
    for line in path.read_text('utf-8', 'replace').splitlines():
      words = line.split('//')[0].split()
      if len(words) >= 2 and words[0] == 'language':
        code, priority = words[1].lower(), int(words[2]) if len(words) > 2 else 5
        if code not in best or priority < best[code][0]:
          best[code] = (priority, path)
  return {code: path for code, (_, path) in best.items()}


def languages() -> list[str]:
  """Returns the sorted codes of all languages of the installed engine."""
  return sorted(_language_files())


def language_definition(language: str) -> str:
  """Returns the engine's voice definition of `language` (such as 'en-us').

  Raises:
    InputError: the language is unknown, or the extra is not installed.
  """
  # Checked here, because the engine silently keeps the previous voice for an unknown language.
  files = _language_files()
  if language.lower() not in files:
    from seetalk_jax.errors import InputError

    near = [code for code in sorted(files) if code[:2] == language[:2].lower()]
    raise InputError(
      f'unknown language {language!r}, language of the voice, use one of '
      f'{", ".join(near or ["en-us", "de", "fr-fr", "es", "it", "pt", "nl", "pl"])}'
    )
  return files[language.lower()].read_text('utf-8', 'replace')


def synthesize(
  definition: str, texts: list[str], *, words_per_minute: int, intonation: int, words: bool = False
) -> list[Segment]:
  """Synthesizes `texts` one after the other with one fresh engine.

  Args:
    definition: text of a voice file: `language_definition(...)` and further lines (pitch, formants, ...).
    texts: texts to synthesize, one segment each.
    words_per_minute: speaking rate, 80 to 450.
    intonation: pitch range; 0 is monotone, 50 is the range of the voice file, 100 twice that range.
    words: whether to mark the beginnings of words by events with the label ' '.

  Returns:
    One `Segment` per text. The same arguments give the same bytes.
  """
  request = dict(definition=definition, texts=texts, rate=int(words_per_minute), range=int(intonation))
  if words:
    request['words'] = True
  with _LOCK:
    header, pcm = _client().ask(request)
  segments, start = [], 0
  for entry in header:
    end = start + 2 * entry['num_samples']
    segments.append(Segment(pcm[start:end], [(sample, label) for sample, label in entry['events']]))
    start = end
  return segments


class _Client:
  """Server process and the pipe to it; usable only in the process that created it."""

  def __init__(self):
    library, data = _engine_paths()
    # -I -S: the server needs only the standard library and starts in about 20 ms.
    self._process = subprocess.Popen(
      [sys.executable, '-I', '-S', os.path.abspath(__file__), library, data],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
    )
    self.owner = os.getpid()

  def ask(self, request: dict) -> tuple[list, bytes]:
    self._process.stdin.write(json.dumps(request).encode() + b'\n')
    self._process.stdin.flush()
    head_size, pcm_size = struct.unpack('<II', self._read(8))
    header, pcm = json.loads(self._read(head_size)), self._read(pcm_size)
    if isinstance(header, str):
      raise RuntimeError(f'espeak-ng: {header}')
    return header, pcm

  def alive(self) -> bool:
    return self.owner == os.getpid() and hasattr(os, 'fork') and self._process.poll() is None

  def close(self):
    if self.owner == os.getpid():
      self._process.stdin.close()
      self._process.stdout.close()
      self._process.wait()

  def _read(self, size: int) -> bytes:
    data = self._process.stdout.read(size)
    if len(data) != size:
      raise RuntimeError('the espeak-ng process died')
    return data


_LOCK = threading.Lock()
_CLIENT: list[_Client] = []


def _client() -> _Client:
  if not _CLIENT or not _CLIENT[0].alive():
    for old in _CLIENT:
      old.close()
    _CLIENT[:] = [_Client()]
  return _CLIENT[0]


def _forget_client():
  """Drops the client after a fork: the pipe belongs to the parent, and the child starts its own server."""
  global _LOCK
  _LOCK = threading.Lock()
  _INHERITED.extend(_CLIENT)  # kept alive, so that no destructor affects the parent's server
  _CLIENT.clear()


_INHERITED: list[_Client] = []
if hasattr(os, 'register_at_fork'):
  os.register_at_fork(after_in_child=_forget_client)


# --- Server: runs as a script ---------------------------------------------------------------------


class _EventId(ctypes.Union):
  _fields_ = [('number', ctypes.c_int), ('name', ctypes.c_char_p), ('string', ctypes.c_char * 8)]


class _Event(ctypes.Structure):
  _fields_ = [
    ('type', ctypes.c_int),
    ('unique_identifier', ctypes.c_uint),
    ('text_position', ctypes.c_int),
    ('length', ctypes.c_int),
    ('audio_position', ctypes.c_int),
    ('sample', ctypes.c_int),
    ('user_data', ctypes.c_void_p),
    ('id', _EventId),
  ]


_CALLBACK = ctypes.CFUNCTYPE(
  ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _start_engine(library_path: str, data_path: str) -> ctypes.CDLL:
  library = ctypes.CDLL(library_path)
  rate = library.espeak_Initialize(_SYNCHRONOUS, 200, data_path.encode(), _PHONEME_EVENTS_IPA_NO_EXIT)
  if rate != ENGINE_RATE_HZ:
    raise RuntimeError(f'espeak_Initialize answered {rate}, expected {ENGINE_RATE_HZ}')
  return library


def _speak_request(library: ctypes.CDLL, request: dict) -> tuple[list, bytes]:
  pcm, events = bytearray(), []

  def collect(samples, count, event):
    if samples and count > 0:
      pcm.extend(ctypes.string_at(samples, 2 * count))
    i = 0
    while event[i].type != _EVENT_END:
      if event[i].type == _EVENT_WORD and request.get('words'):
        events.append((event[i].sample, ' '))
      if event[i].type == _EVENT_PHONEME:
        # 8 bytes, not always zero-terminated; a long label may be truncated inside a character.
        raw = ctypes.string_at(ctypes.addressof(event[i].id), 8).split(b'\0')[0]
        events.append((event[i].sample, raw.decode('utf-8', 'ignore')))
      i += 1
    return 0

  callback = _CALLBACK(collect)
  library.espeak_SetSynthCallback(callback)
  handle, path = tempfile.mkstemp(prefix='seetalk-voice-')
  try:
    with os.fdopen(handle, 'w', encoding='utf-8') as file:
      file.write(request['definition'])
    status = library.espeak_ng_SetVoiceByFile(path.encode())
  finally:
    os.unlink(path)
  if status != 0:
    raise RuntimeError(f'the voice definition was refused with status {status:#x}')
  for parameter, value in ((_RATE, request['rate']), (_PITCH, 50), (_RANGE, request['range'])):
    library.espeak_SetParameter(parameter, value, 0)
  header, all_pcm = [], bytearray()
  for text in request['texts']:
    pcm.clear()
    events.clear()
    data = text.encode()
    status = library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, _UTF8, None, None)
    if status != 0:
      raise RuntimeError(f'espeak_Synth failed with status {status:#x}')
    header.append(dict(num_samples=len(pcm) // 2, events=list(events)))
    all_pcm.extend(pcm)
  return header, bytes(all_pcm)


def _answer(library: ctypes.CDLL, line: bytes):
  try:
    header, pcm = _speak_request(library, json.loads(line))
  except Exception as error:  # sent to the client as text and raised there
    header, pcm = f'{type(error).__name__}: {error}', b''
  head = json.dumps(header).encode()
  sys.stdout.buffer.write(struct.pack('<II', len(head), len(pcm)) + head + pcm)
  sys.stdout.buffer.flush()


def _serve(library_path: str, data_path: str):
  library = _start_engine(library_path, data_path)
  for line in iter(sys.stdin.buffer.readline, b''):
    if not hasattr(os, 'fork'):
      _answer(library, line)
      return
    child = os.fork()
    if child == 0:
      try:
        _answer(library, line)
      finally:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
      return  # the client detects the closed pipe


if __name__ == '__main__':
  _serve(*sys.argv[1:3])
