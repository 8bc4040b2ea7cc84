"""Clip: a talking-face video that is rendered chunk by chunk when its frames are read, and saved as mp4."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.inference import batching, notebook_view, unfinished_video
from seetalk_jax.inference.clip_spec import Checksum, ClipSpec
from seetalk_jax.inference.progress import Progress, no_progress
from seetalk_jax.media import image as image_lib
from seetalk_jax.media import segments, tags
from seetalk_jax.media.audio import Sound, Speech
from seetalk_jax.media.full_frame import FullFrame
from seetalk_jax.media.tracked_video import VideoFullFrame
from seetalk_jax.media.video import Finish, VideoWriter
from seetalk_jax.provenance.signing import Signer
from seetalk_jax.provenance.watermark import Watermark, can_mark

_KEPT_BYTES = 2**30  # of frames that a clip keeps


@dataclasses.dataclass(frozen=True)
class Clip:
  """A video with its portrait and motion; frames are rendered when they are read, in constant memory.

  Attributes:
    spec: everything that determines the frames.
    speech: the speech, or None if there is none.
    sound: the sound track of the video, or None for a silent one.
    portrait: the speaker's portrait, uint8 `[h, w, 3]`.
    motion: motion latents, float32 `[num_frames, motion_dim]`.
    render: index of the first frame -> uint8 `[chunk, h, w, 3]` on the device, dispatched asynchronously;
      padded after the last frame.
    chunk: number of frames per `render` call.
    ahead: `render` calls that are started before the frames of one are read, so that the device is busy.
    record: provenance of the clip: version, checkpoint, seed, device, steps ...; stored with the video.
    stage_seconds: seconds per stage so far; rendering and encoding are added.
    progress: called with ('render', done, total) after every rendered chunk.
    full_frame: the whole picture or video that the heads are put back into; None: the frames are portrait crops.
  """

  spec: ClipSpec

  speech: Speech | None
  sound: Sound | None
  portrait: np.ndarray
  motion: np.ndarray
  render: Callable[[int], Any]
  chunk: int
  record: Mapping[str, Any]
  stage_seconds: dict[str, float]
  progress: Progress = no_progress
  full_frame: FullFrame | VideoFullFrame | None = None
  ahead: int = 1
  _kept: dict[str, np.ndarray] = dataclasses.field(
    default_factory=dict, init=False, repr=False, compare=False
  )

  fps = FPS

  def __repr__(self) -> str:
    height, width = self.size
    sound = 'with sound' if self.sound is not None else 'silent'
    frames = f'{self.num_frames} frames of {width} x {height} pixels, {self.seconds:.2f} s'
    return f'Clip({frames}, {sound}, seed {self.spec.seed})'

  def __len__(self) -> int:
    return self.num_frames

  @property
  def num_frames(self) -> int:
    """Number of frames: `ceil(samples / 640)` of speech, or that of the driving video (25 fps) or latents."""
    return self.spec.num_frames

  @property
  def size(self) -> tuple[int, int]:
    """(height, width) of the frames."""
    return self.spec.frame_size

  @property
  def seconds(self) -> float:
    """Length of the video in seconds."""
    return self.num_frames / FPS

  @property
  def audio_seconds(self) -> float:
    """Length of the speech or other sound track in seconds; 0 for a silent clip."""
    if self.speech is not None:
      return self.speech.seconds
    return 0.0 if self.sound is None else self.sound.num_samples / self.sound.rate_hz

  def __getitem__(self, index: int | slice) -> np.ndarray:
    """One frame, uint8 `[h, w, 3]`, or those of a slice, `[n, h, w, 3]`; renders the chunks that hold them.

    Raises:
      IndexError: no such frame.
    """
    if isinstance(index, slice):
      wanted = range(*index.indices(self.num_frames))
      if not wanted:
        return np.empty((0, *self.size, 3), np.uint8)
      first, last = min(wanted), max(wanted)
      return self._between(first, last)[np.asarray(wanted) - first]
    number = index + self.num_frames if index < 0 else index
    if not 0 <= number < self.num_frames:
      raise IndexError(f'frame {index} of a clip of {self.num_frames} frames')
    return self._between(number, number)[0]

  def __iter__(self) -> Iterator[np.ndarray]:
    """The frames one by one, uint8 `[h, w, 3]`."""
    for frames in self.stream():
      yield from frames

  @property
  def frames(self) -> np.ndarray:
    """All frames as one array, uint8 `[num_frames, h, w, 3]`, read-only.

    They are rendered once and kept with the clip if they are at most 1 GiB (54 s of 512 x 512 pixels). For longer
    clips every access renders them anew: use `stream`.
    """
    if 'frames' in self._kept:
      return self._kept['frames']
    frames = np.concatenate(list(self.stream()))
    frames.flags.writeable = False
    if frames.nbytes <= _KEPT_BYTES:
      self._kept['frames'] = frames
    return frames

  def _between(self, first: int, last: int) -> np.ndarray:
    """Frames `first` to `last`, inclusive."""
    parts, count = [], last + 1 - first
    for frames in self.stream(first):
      parts.append(frames)
      if sum(map(len, parts)) >= count:
        break
    return np.concatenate(parts)[:count]

  def stream(self, first: int = 0) -> Iterator[np.ndarray]:
    """Yields chunks of frames, uint8 `[t, h, w, 3]`; the next ones are computed while the caller uses this one.

    Args:
      first: frame to start with; frames are bit for bit those of a stream from frame 0.
    """
    if 'frames' in self._kept:
      yield from (self._kept['frames'][i : i + self.chunk] for i in range(first, self.num_frames, self.chunk))
      return
    # Chunk boundaries are those of a stream from frame 0: at another position in a chunk, a frame may differ
    # in its last bit.
    starts = range(first - first % self.chunk, self.num_frames if first < self.num_frames else 0, self.chunk)
    self.progress('render', first, self.num_frames)
    for start, ready in zip(starts, batching.run_ahead(self.render, starts, ahead=self.ahead), strict=True):
      began = time.perf_counter()
      frames = np.asarray(ready)[max(0, first - start) : self.num_frames - start]
      if self.full_frame is not None:
        begin = max(first, start)
        frames = np.stack([self.full_frame.put_back(frame, begin + i) for i, frame in enumerate(frames)])
      elif frames.shape[1:3] != self.size:
        frames = np.stack([image_lib.resize(frame, self.size) for frame in frames])
      self._spent('render', began)
      self.progress('render', min(start + self.chunk, self.num_frames), self.num_frames)
      yield frames

  def save(
    self,
    path: str | os.PathLike,
    *,
    resume: bool = False,
    watermark: bool = True,
    signer: Signer | None = None,
    ingredients: Sequence[str | os.PathLike] = (),
  ) -> pathlib.Path:
    """Writes the mp4 file with its sound, atomically.

    A video longer than a segment (10 s) is first written in segments to a hidden folder beside `path`; see
    `unfinished_video`.

    Args:
      resume: continue from the finished segments of an earlier run of the same clip, if there are any.
      watermark: mark the frames; frames with a side of less than 128 pixels are not marked.
      signer: signs the file with a C2PA manifest; None: not signed.
      ingredients: pictures and videos that the clip was made from; with `signer`, their manifests are kept.

    Raises:
      InputError: the name does not end in .mp4, its folder cannot be written, another process is writing the
        same file, (with `resume`) the unfinished video belongs to another clip or has other marks, or the file
        cannot be signed.
    """
    mark = watermark_of(self.record, self.size) if watermark else None
    options = {
      'size': self.size,
      'sound': self.sound,
      'metadata': self._tags(mark),
      'mark': None if mark is None else mark.mark_luma,
      'finish': _signing(path, signer, ingredients),
    }
    if self.num_frames <= segments.SEGMENT_FRAMES:
      unfinished_video.check_free(path)
      self._write(VideoWriter(path, **options), 0)
      unfinished_video.discard(path)  # left by a longer video of the same name
    else:
      name = None if mark is None else mark.name
      with unfinished_video.UnfinishedVideo(path, self.spec, resume=resume, watermark=name) as unfinished:
        unfinished.keep(unfinished_video.PortraitAndMotion(self.portrait, self.motion))
        writer = segments.SegmentWriter(
          path,
          unfinished.folder,
          num_frames=self.num_frames,
          segment_frames=segments.SEGMENT_FRAMES,
          **options,
        )
        self._write(writer, writer.num_frames)
    return pathlib.Path(path)

  def _write(self, writer: VideoWriter | segments.SegmentWriter, first: int) -> None:
    with writer:
      for frames in self.stream(first):
        began = time.perf_counter()
        writer.write(frames)
        self._spent('encode', began)
      began = time.perf_counter()
    self._spent('encode', began)

  def show(self, width: int | None = None) -> notebook_view.HtmlView:
    """The video with its sound, for the last line of a notebook's cell; frames are kept, as by `frames`.

    Args:
      width: shown width in pixels; None: that of the frames.
    """
    if self.num_frames * np.prod(self.size) * 3 <= _KEPT_BYTES:
      _ = self.frames  # rendered once, for `save` too
    with tempfile.TemporaryDirectory(prefix='seetalk-show-') as folder:
      content = self.save(pathlib.Path(folder) / 'clip.mp4').read_bytes()
    return notebook_view.HtmlView(notebook_view.video(content, width or self.size[1]), repr(self))

  def _repr_html_(self) -> str:
    sound = 'with sound' if self.sound is not None else 'silent'
    caption = (
      f'{self.num_frames} frames of {self.size[1]} x {self.size[0]} pixels, {self.seconds:.2f} s, {sound}\n'
      'clip.show() plays it, clip.save(PATH) writes it'
    )
    return notebook_view.picture(self.portrait, caption)

  def save_portrait(
    self, path: str | os.PathLike, *, watermark: bool = True, signer: Signer | None = None
  ) -> None:
    """Writes the portrait as a PNG file that is marked as cropped, for `seetalk animate`; see `save_portrait`."""
    save_portrait(path, self.portrait, self.record, watermark=watermark, signer=signer)

  @property
  def metadata(self) -> dict[str, str]:
    """Container tags: a mark of synthetic media, and `record`."""
    return self._tags(None)

  def _tags(self, mark: Watermark | None) -> dict[str, str]:
    """Container tags of a video with a watermark, or without one."""
    return video_tags(self.record, mark)

  def _spent(self, stage: str, began: float) -> None:
    self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + time.perf_counter() - began


def save_portrait(
  path: str | os.PathLike,
  portrait: np.ndarray,
  record: Mapping[str, Any],
  *,
  watermark: bool = True,
  signer: Signer | None = None,
) -> None:
  """Writes a portrait as a PNG file that is marked as synthetic and as cropped.

  Args:
    path: output file.
    portrait: uint8 `[h, w, 3]`.
    record: provenance of the portrait, stored with it.
    watermark: mark the pixels; a portrait with a side of less than 128 pixels is not marked.
    signer: signs the file with a C2PA manifest; None: not signed.

  Raises:
    InputError: the name does not end in .png, its folder cannot be written, or the file cannot be signed.
  """
  mark = watermark_of(record, portrait.shape[:2]) if watermark else None
  record = {**record, **_named(mark)}
  text = {
    'Title': 'Synthetic portrait',
    'Comment': f'{tags.SYNTHETIC}: AI-generated face.',
    'Software': f'seetalk-jax {record.get("version", "")}'.strip(),
    image_lib.CROP_VERSION_KEY: str(record.get('crop_version', 1)),
    **{f'seetalk:{key}': str(value) for key, value in record.items() if key != 'crop_version'},
  }
  pixels = portrait if mark is None else mark.mark_rgb(portrait)
  image_lib.save_png(path, pixels, text, _signing(path, signer))


def video_tags(record: Mapping[str, Any], mark: Watermark | None) -> dict[str, str]:
  """Container tags of a video: a mark of synthetic media, its record, and the name of its watermark."""
  told = '; '.join(f'{key} {value}' for key, value in {**record, **_named(mark)}.items())
  return {
    'title': 'Synthetic talking face',
    'comment': f'{tags.SYNTHETIC}: no such recording exists. Made by seetalk-jax; {told}',
    'synopsis': 'AI-generated video of a face that was made to fit a voice.',
  }


def watermark_of(record: Mapping[str, Any], size: tuple[int, int]) -> Watermark | None:
  """The watermark of a clip or portrait; None if `size` (height, width) is too small for one.

  Its payload is the beginning of the job of the record, or of the checksum of a record without a job.
  """
  if not can_mark(size):
    return None
  job = record.get('job') or Checksum.of(repr(sorted(map(str, record.items()))).encode())
  return Watermark(int(job[:8], 16))


def _named(mark: Watermark | None) -> dict[str, str]:
  return {} if mark is None else {'watermark': mark.name}


def _signing(
  path: str | os.PathLike, signer: Signer | None, ingredients: Sequence[str | os.PathLike] = ()
) -> Finish | None:
  """Signs a complete file that will be `path`."""
  if signer is None:
    return None
  return functools.partial(signer.sign, title=pathlib.Path(path).name, ingredients=tuple(ingredients))
