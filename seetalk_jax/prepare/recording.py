"""Preparation of one raw recording as records, without storing the results."""

from __future__ import annotations

import dataclasses
import io
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.data import schema
from seetalk_jax.errors import InputError
from seetalk_jax.media import audio, face, timeline
from seetalk_jax.prepare import audio_checks, clip_quality, face_motion, tracks
from seetalk_jax.prepare import clips as clips_lib
from seetalk_jax.prepare.layouts import Item
from seetalk_jax.prepare.thresholds import Thresholds

RECORD_FRAMES = FPS  # about one second per record
_MARGIN = schema.CLIP_MARGIN_FRAMES * SAMPLES_PER_FRAME
_WHOLE = 0.9  # share of the stated duration that must decode
_SHARPNESS_FRAMES = 8  # number of frames whose sharpness is measured
_THUMBNAIL_SIDE = 96


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
  """Settings that determine the output bytes of a preparation.

  Attributes:
    size: side of the stored frames in pixels.
    max_seconds: maximum duration of a clip; longer clips are split.
    correct_offset: whether audio that is certainly late or early, by the same time throughout a track, is moved.
    limits: thresholds of the filters.
  """

  size: int = 256
  max_seconds: float = 10.0
  correct_offset: bool = True
  limits: Thresholds = Thresholds()

  def to_json(self) -> dict:
    """Plain values for JSON."""
    return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
  """Outcome of preparing one recording.

  Attributes:
    entry: entry of report.json: file, status ('kept', 'rejected', 'failed'), reason, clips, ...
    records: encoded records, in order.
    thumbnail: JPEG bytes of the face; b'' if there is none.
  """

  entry: dict
  records: Sequence[bytes] = ()
  thumbnail: bytes = b''


def prepare_recording(raw_dir: pathlib.Path, item: Item, settings: Settings, read: tracks.Reader) -> Outcome:
  """Prepares one recording; problems of the recording become an `Outcome`, never an exception.

  Machine errors (no disk space, no memory) and bugs of this library raise.
  """
  head = dict(vars(item))
  try:
    return _prepare(raw_dir / item.file, item, settings, read, head)
  except InputError as error:
    reason = str(error).replace(f', {raw_dir / item.file}', '')
    return Outcome(entry={**head, 'status': 'failed', 'reason': reason})


def _prepare(path: pathlib.Path, item: Item, settings: Settings, read: tracks.Reader, head: dict) -> Outcome:
  def refused(reason: str, **fields) -> Outcome:
    return Outcome(entry={**head, 'status': 'rejected', 'reason': reason, **fields})

  limits = settings.limits
  recording = timeline.probe(path)
  fields = {'seconds': round(recording.stated_seconds, 3), 'fps': round(recording.average_fps, 3)}
  if not recording.has_picture:
    return refused('no_picture', **fields)
  if not recording.audio_rate_hz:
    return refused('no_sound', **fields)
  if 0 < recording.stated_seconds < limits.min_seconds:
    return refused('too_short', **fields)
  first: list[float] = []

  def pictures() -> Iterator[np.ndarray]:
    for begin, pixels in timeline.grid_frames(path):
      if not first:
        first.append(begin)
      yield pixels

  tracked = tracks.watch(pictures(), read)
  seconds = tracked.num_frames / FPS
  fields |= {'frames': tracked.num_frames, 'width': tracked.size[1], 'height': tracked.size[0]}
  if seconds + 1.0 < _WHOLE * recording.stated_seconds:
    raise InputError(
      f'truncated ({seconds:.1f} of {recording.stated_seconds:.1f} s decode), {path}: fetch it again'
    )
  if seconds < limits.min_seconds:
    return refused('too_short', **fields)
  waveform = timeline.sound(path, first[0])
  if audio_checks.is_silent(waveform):
    return refused('silent', **fields)

  offsets = [_track_offset(track, waveform) for track in tracked.tracks]
  moves = _corrections(offsets, settings)
  cut = [_cut(track, late, waveform, settings) for track, late in zip(tracked.tracks, moves, strict=True)]
  judged = []
  for number, (offset, late, own) in enumerate(zip(offsets, moves, cut, strict=True)):
    others = [clip for rank, clips in enumerate(cut) if rank != number for clip in clips]
    for clip in own:
      measured = (tracked.face_counts, tracked.size, offset, late)
      quality = clip_quality.measure(clip, others, waveform, *measured)
      judged.append((clip, quality, clip_quality.refusal(clip, quality, limits)))
  if not any(clip.num_frames >= limits.min_seconds * FPS for clip, _, _ in judged):
    return refused('no_face', **fields)
  kept = sorted(((c, q) for c, q, reason in judged if reason is None), key=lambda pair: pair[0].start)
  if kept:
    return _stored(path, item, settings, kept, waveform, {**head, **fields}, _tally(judged))
  # The recording is reported with the reason of its longest clip.
  _, quality, reason = max(judged, key=lambda entry: entry[0].num_frames)
  return refused(reason, **fields, quality=quality.to_json())


def _track_offset(track: tracks.Track, waveform: np.ndarray) -> audio_checks.Offset:
  part = waveform[track.start * SAMPLES_PER_FRAME : track.stop * SAMPLES_PER_FRAME]
  return audio_checks.find_offset(clips_lib.mouth_opening(track.landmarks), part)


def _corrections(offsets: Sequence[audio_checks.Offset], settings: Settings) -> list[int]:
  """Number of frames by which the audio of each track is moved back.

  Tracks that are too short to be sure take the correction of the others, if these agree. A lag that `max_offset`
  refuses is not corrected.
  """
  if not settings.correct_offset:
    return [0] * len(offsets)
  limit = settings.limits.max_offset
  moves = [o.correction if limit is None or abs(o.correction) <= limit else 0 for o in offsets]
  found = {move for move, offset in zip(moves, offsets, strict=True) if not offset.is_short}
  common = found.pop() if len(found) == 1 else 0
  return [common if offset.is_short else move for move, offset in zip(moves, offsets, strict=True)]


def _cut(track: tracks.Track, late: int, waveform: np.ndarray, settings: Settings) -> list[clips_lib.Clip]:
  """Clips of a track, without frames whose audio, `late` frames later, is outside of the recording."""
  if late:
    track = track.between(-late, len(waveform) // SAMPLES_PER_FRAME - late)
  return [] if track is None else clips_lib.cut(track, max_frames=round(settings.max_seconds * FPS))


def _tally(judged) -> dict[str, int]:
  refused = [reason for _, _, reason in judged if reason is not None]
  return {reason: refused.count(reason) for reason in sorted(set(refused))}


def _stored(path, item, settings, kept, waveform, head, refused_clips) -> Outcome:
  """Decodes the recording again, crops the clips and packs them into records."""
  limits, waveform = settings.limits, audio.normalise_loudness(waveform)
  size = (head['height'], head['width'])
  streams = [_Stream(item, settings, clip, quality.corrected, size, waveform) for clip, quality in kept]
  thumbnail, sharp = b'', [[] for _ in kept]
  for index, (_, pixels) in enumerate(timeline.grid_frames(path)):
    for number, (clip, _) in enumerate(kept):
      if clip.start <= index < clip.stop:
        crop = face.crop(pixels, clip.box, settings.size)
        streams[number].add(crop)
        if (index - clip.start) % max(1, clip.num_frames // _SHARPNESS_FRAMES) == 0:
          sharp[number].append(clip_quality.sharpness(crop))
        if not thumbnail and index >= (clip.start + clip.stop) // 2:
          thumbnail = _thumbnail(crop)
  records, described = [], []
  refused_clips = dict(refused_clips)
  for (clip, quality), stream, values in zip(kept, streams, sharp, strict=True):
    quality = dataclasses.replace(quality, sharpness=float(np.median(values)))
    if quality.sharpness < limits.min_sharpness:
      refused_clips['blurred'] = refused_clips.get('blurred', 0) + 1
      continue
    packed = stream.finish()
    box = [round(value, 2) for value in (clip.box.left, clip.box.top, clip.box.side)]
    entry = {'start': clip.start / FPS, 'stop': clip.stop / FPS, 'box': box, 'records': len(packed)}
    late = quality.corrected or quality.offset_flag or 0
    described.append({**entry, 'quality': quality.to_json(), 'flags': quality.flags, 'offset': late})
    records += packed
  if not records:
    return Outcome(entry={**head, 'status': 'rejected', 'reason': 'blurred'}, thumbnail=thumbnail)
  entry = {
    **head,
    'status': 'kept',
    'reason': '',
    'clips': described,
    'refused_clips': refused_clips,
    'kept_seconds': round(sum(clip['stop'] - clip['start'] for clip in described), 3),
    'records': len(records),
    'bytes': sum(map(len, records)),
  }
  return Outcome(entry=entry, records=records, thumbnail=thumbnail)


class _Stream:
  """Streaming packer of one clip's frames into records; it buffers at most about one record of frames."""

  def __init__(
    self,
    item: Item,
    settings: Settings,
    clip: clips_lib.Clip,
    late: int,
    picture: tuple[int, int],
    waveform: np.ndarray,
  ):
    self._late = late  # frames by which the audio of the recording is late
    self._item, self._settings, self._clip, self._waveform = item, settings, clip, waveform
    self._landmarks = clip.landmarks
    self._lips = clips_lib.lip_boxes(self._landmarks)
    self._motion = face_motion.of_clip(clip)
    self._inside = clip.box.inside(*picture)
    self._frames: list[bytes] = []
    self._records: list[bytes] = []
    self._first = 0

  def add(self, crop: np.ndarray) -> None:
    self._frames.append(schema.encode_frame(crop))
    left = self._clip.num_frames - self._first - len(self._frames)
    # The last record includes a remainder that would be too short for any window on its own.
    if len(self._frames) >= RECORD_FRAMES and (left == 0 or left >= RECORD_FRAMES // 2):
      self._pack()

  def finish(self) -> list[bytes]:
    if self._frames:
      self._pack()
    return self._records

  def _pack(self) -> None:
    first, count = self._first, len(self._frames)
    rows = slice(first, first + count)
    begin = (self._clip.start + self._late + first) * SAMPLES_PER_FRAME
    lead = min(_MARGIN, begin)
    end = begin + count * SAMPLES_PER_FRAME
    sound = self._waveform[begin - lead : end + _MARGIN]
    wanted = lead + count * SAMPLES_PER_FRAME  # the audio may end before the video
    sound = np.pad(sound, (0, max(0, wanted - len(sound))))
    record = schema.ClipRecord(
      kind='real',
      speaker=self._item.speaker,
      clip=f'{self._item.clip}@{self._clip.start}',
      start_seconds=(self._clip.start + first) / FPS,
      frames=self._frames,
      size=self._settings.size,
      audio=schema.to_int16(sound),
      audio_lead=lead,
      crop_version=face.PORTRAIT_CROP.version,
      landmarks=np.ascontiguousarray(self._landmarks[rows]),
      picture_box=self._picture_box(count),
      source_side=round(self._clip.box.side),
      lip_box=np.ascontiguousarray(self._lips[rows]),
      motion=np.ascontiguousarray(self._motion.motion[rows]),
      motion_status=self._motion.status,
    )
    self._records.append(schema.encode(record))
    self._frames, self._first = [], first + count

  def _picture_box(self, count: int) -> np.ndarray | None:
    """Part of each of `count` frames that lies inside of the picture; None if all of it does."""
    whole = self._inside == (0.0, 0.0, 1.0, 1.0)
    return None if whole else np.tile(np.array(self._inside, np.float32), (count, 1))


def _thumbnail(crop: np.ndarray) -> bytes:
  import PIL.Image

  side = _THUMBNAIL_SIDE
  buffer = io.BytesIO()
  image = PIL.Image.fromarray(crop).resize((side, side), PIL.Image.Resampling.BOX)
  image.save(buffer, 'JPEG', quality=85)
  return buffer.getvalue()
