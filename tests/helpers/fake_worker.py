"""A worker process of `seetalk serve` without networks: it answers at once, and dies where a test asks for it."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time

from PIL import Image

from seetalk_jax.serving import messages
from seetalk_jax.serving.job_files import PORTRAIT, VIDEO

# Seeds of jobs that do something else than a video with the seed in it.
DIES, DIES_ONCE, REFUSED, ENDLESS = 1001, 1002, 1003, 1004
WAITING_SECONDS = 2.0  # audio that a session keeps
FRAMES = 8


def main(connection, settings) -> None:
  """The process, see `worker.main`."""
  del settings
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
  lock, cancelled, readers = threading.Lock(), set(), {}

  def send(message) -> None:
    with lock:
      connection.send(message)

  send(messages.Ready('fake', 'cpu', 64, ('emotion',)))
  waiting: dict[str, float] = {}
  while True:
    try:
      message = connection.recv()
    except (EOFError, OSError):
      os._exit(0)
    match message:
      case messages.Stop():
        os._exit(0)
      case messages.MakeJob():
        threading.Thread(target=_make, args=(message, send, cancelled), daemon=True).start()
      case messages.CancelJob():
        cancelled.add(message.job)
      case messages.OpenSession():
        if message.options['seed'] == DIES:
          os.kill(os.getpid(), signal.SIGKILL)
        waiting[message.session] = 0.0
        send(messages.Reply(message.request, messages.SessionOpened(1.5, 0.8, 'video/mp4', 64)))
      case messages.PushAudio():
        seconds = len(message.samples) / 2 / message.rate_hz
        if waiting[message.session] + seconds > WAITING_SECONDS:
          send(messages.Reply(message.request, error='more audio waits', kind='full'))
        else:
          waiting[message.session] += seconds
          send(messages.Reply(message.request))
      case messages.Command():
        waiting[message.session] = 0.0
        send(messages.Reply(message.request, message.arguments.get('unseen')))
      case messages.Watch():
        readers[message.session] = message.reader
        threading.Thread(target=_show, args=(message, send, readers), daemon=True).start()
      case messages.Unwatch() | messages.CloseSession():
        readers.pop(message.session, None)


def cannot_load(connection, settings) -> None:
  """A worker whose checkpoint is missing."""
  connection.send(messages.CannotLoad(f'no such checkpoint, {settings.checkpoint}: give a folder'))
  connection.recv()


def dies_while_loading(connection, settings) -> None:
  """A worker that dies before it is ready, but for the third one."""
  begun = settings.folder / 'begun'
  count = int(begun.read_text()) if begun.exists() else 0
  begun.write_text(str(count + 1))
  if count < 2:
    os.kill(os.getpid(), signal.SIGKILL)
  main(connection, settings)


def _make(job: messages.MakeJob, send, cancelled) -> None:
  seed, begun = job.options['seed'], pathlib.Path(job.folder) / 'begun'
  Image.new('RGB', (64, 64)).save(job.folder / PORTRAIT)
  send(messages.JobProgress(job.job, 'portrait'))
  if seed == DIES or (seed == DIES_ONCE and not begun.exists()):
    begun.touch()
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
  frame = 0
  while frame < FRAMES or seed == ENDLESS:
    frame += 1
    send(messages.JobProgress(job.job, 'frames', min(frame, FRAMES), FRAMES))
    time.sleep(0.005)
    if job.job in cancelled:
      send(messages.JobDone(job.job, 'the job was removed'))
      return
  if seed == REFUSED:
    send(messages.JobDone(job.job, 'refused, speech: give another'))
    return
  (job.folder / VIDEO).write_bytes(f'video of {seed}'.encode())
  send(messages.JobDone(job.job))


def _show(watch: messages.Watch, send, readers) -> None:
  part = 0
  while readers.get(watch.session) == watch.reader:
    data = f'[{watch.reader} {part}]'.encode()
    send(messages.Video(watch.session, watch.reader, data, 0.1, 1.5))
    part += 1
    time.sleep(0.02)
