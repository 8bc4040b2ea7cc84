"""Clip quality: measurements, acceptance by thresholds, and reasons for rejection."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.media import laplacian
from seetalk_jax.prepare import audio_checks
from seetalk_jax.prepare import clips as clips_lib
from seetalk_jax.prepare.thresholds import Thresholds

# Reasons for rejecting a recording or clip, in the order in which they are checked; report.json contains
# these texts.
REASONS = {
  'no_picture': 'the file has no video stream that can be decoded',
  'no_sound': 'the file has no sound track that can be decoded',
  'too_short': 'shorter than --min-seconds',
  'silent': 'the sound never rises over -60 dBFS',
  'no_face': 'no face is detected throughout --min-seconds',
  'small_face': 'the portrait crop is smaller than --min-side',
  'outside': 'more of the portrait crop than --max-outside lies outside of the picture',
  'several_faces': 'several faces, and not clear which one speaks',
  'turned_away': 'the head is turned further than --max-yaw',
  'no_speech': 'less than --min-speech of the time somebody speaks',
  'blurred': 'the face is blurred: below --min-sharpness',
  'offset': 'sound and mouth are further apart than --max-offset',
}

_CLEAR_CORRELATION, _CLEAR_LAG = 0.25, 3  # a mouth that follows the audio this well is the speaker's
_RIVAL_SIDE = 0.5  # smaller faces, relative to the speaker's size, are bystanders
_RIVAL_SHARE = 0.2  # share of the clip's frames
FLAG_OUTSIDE = 0.1  # share of the crop outside of the picture
_SHARPNESS_SIDE = 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quality:
  """Measurements of a clip; floats are rounded as in reports.

  Attributes:
    side: side of the portrait crop in pixels of the source image.
    outside: share of the portrait crop outside of the picture, 0 to 1; the same in every frame of the clip.
    detected_share: share of frames in which the landmarker found the face.
    sharpness: as `Thresholds.min_sharpness`; 0 until it is measured.
    faces: maximum number of faces in one frame.
    rivals: share of frames with another face of comparable size.
    speech: share of the time with speech.
    yaw: median yaw in degrees.
    offset: audio-visual offset, as measured.
    corrected: number of frames by which the audio was moved back to correct the offset.
  """

  side: int
  detected_share: float
  faces: int
  rivals: float
  speech: float
  yaw: float
  offset: audio_checks.Offset
  sharpness: float = 0.0
  outside: float = 0.0
  corrected: int = 0

  @property
  def offset_flag(self) -> int | None:
    """Number of frames by which the audio is late if this is certain, else None."""
    return self.offset.certain or None

  @property
  def flags(self) -> list[str]:
    """What a person should look at, in words; nothing here is a reason to reject the clip."""
    flags = []
    if late := self.corrected or self.offset_flag:
      flags.append(f'sound {late:+d} frames late{", corrected" if self.corrected else ""}')
    if self.outside > FLAG_OUTSIDE:
      flags.append(f'{100 * self.outside:.0f} % of the crop outside of the picture')
    return flags

  def to_json(self) -> dict:
    """Rounded values for JSON."""
    o = self.offset
    return {
      'side': self.side,
      'outside': round(self.outside, 3),
      'seen': round(self.detected_share, 3),
      'sharpness': round(self.sharpness, 1),
      'faces': self.faces,
      'rivals': round(self.rivals, 3),
      'speech': round(self.speech, 3),
      'yaw': round(self.yaw, 1),
      'offset_frames': o.frames,
      'offset_correlation': round(o.correlation, 3),
      'offset_z': round(o.z, 2),
      'offset_parts': [o.agreeing, o.parts],
      'offset_corrected': self.corrected,
    }


def clip_sound(waveform: np.ndarray, clip: clips_lib.Clip, late: int = 0) -> np.ndarray:
  """Audio of the clip's frames in a recording whose audio is `late` frames late."""
  return waveform[(clip.start + late) * SAMPLES_PER_FRAME : (clip.stop + late) * SAMPLES_PER_FRAME]


def measure(
  clip: clips_lib.Clip,
  others: Sequence[clips_lib.Clip],
  waveform: np.ndarray,
  face_counts: np.ndarray,
  size: tuple[int, int],
  offset: audio_checks.Offset,
  corrected: int = 0,
) -> Quality:
  """Measures the quality of a clip, without sharpness.

  Args:
    clip: clip to measure.
    others: clips of other faces in the same recording.
    waveform: audio of the recording, aligned to its frames.
    face_counts: number of faces in every frame of the recording.
    size: (height, width) of the recording's frames in pixels.
    offset: offset of the recording, because a clip of some seconds is too short to measure it.
    corrected: number of frames by which the audio is moved back.
  """
  rows = clip.rows
  yaw = clips_lib.head_pose(clip.track.rotations[rows])[:, 0]
  rivals = np.zeros(clip.num_frames, bool)
  for other in others:
    if other.box.side >= _RIVAL_SIDE * clip.box.side:
      begin, end = max(clip.start, other.start), min(clip.stop, other.stop)
      rivals[max(0, begin - clip.start) : max(0, end - clip.start)] = True
  return Quality(
    side=round(clip.box.side),
    detected_share=float(clip.track.detected[rows].mean()),
    faces=int(face_counts[clip.start : clip.stop].max(initial=0)),
    rivals=float(rivals.mean()),
    speech=audio_checks.speech_share(clip_sound(waveform, clip, corrected)),
    yaw=float(np.degrees(np.median(yaw))),
    offset=offset,
    outside=clip.box.outside_share(*size),
    corrected=corrected,
  )


def refusal(clip: clips_lib.Clip, quality: Quality, limits: Thresholds) -> str | None:
  """Returns the first reason to reject a clip, or None."""
  if clip.num_frames < limits.min_seconds * FPS:
    return 'too_short'
  if quality.detected_share < limits.min_seen:
    return 'no_face'
  if quality.side < limits.min_side:
    return 'small_face'
  if quality.outside > limits.max_outside:
    return 'outside'
  if quality.rivals > _RIVAL_SHARE and not speaks_clearly(quality):
    return 'several_faces'
  if abs(quality.yaw) > limits.max_yaw:
    return 'turned_away'
  if quality.speech < limits.min_speech:
    return 'no_speech'
  flagged = quality.offset_flag
  if flagged is not None and limits.max_offset is not None and abs(flagged) > limits.max_offset:
    return 'offset'
  return None


def speaks_clearly(quality: Quality) -> bool:
  """Whether the mouth motion clearly follows the audio, where it was moved to."""
  offset = quality.offset
  lag = offset.frames - quality.corrected
  return offset.correlation >= _CLEAR_CORRELATION and abs(lag) <= _CLEAR_LAG


def sharpness(crop: np.ndarray) -> float:
  """Variance of the Laplacian of uint8 `[h, w, 3]`, converted to gray and resized to 128 pixels."""
  import PIL.Image

  side = _SHARPNESS_SIDE
  grey = PIL.Image.fromarray(crop).convert('L').resize((side, side), PIL.Image.Resampling.BOX)
  return laplacian.variance(np.asarray(grey))
