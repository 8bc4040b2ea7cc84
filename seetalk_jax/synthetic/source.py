"""Random-access source of synthetic records, rendered on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np

from seetalk_jax import constants
from seetalk_jax.data import schema
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic.kinds import FRAMES, KINDS

_CHARACTERS_PER_SECOND = 13  # first estimate of the text length


class RenderedClip(NamedTuple):
  """Rendered clip of one identity: `k` frames of `s` x `s` pixels; fields as in `schema.ClipRecord` and `Truth`."""

  frames: np.ndarray  # uint8 [k, s, s, 3]
  canonical: np.ndarray  # float16 [k, s/4, s/4, 3]
  parts: np.ndarray  # uint8 [k, s/4, s/4]
  landmarks: np.ndarray  # float32 [k, L, 2]
  lip_box: np.ndarray  # float32 [k, 4]
  opening: np.ndarray  # float32 [k]
  identity: np.ndarray  # float32 [I]


class ActedTalk(NamedTuple):
  """Speech with its motion, and what else is known of it."""

  speech: np.ndarray  # float32 [640 * t]
  motion: np.ndarray  # float32 [t, 58]
  labels: Mapping[str, np.ndarray] = MappingProxyType({})  # fields of `schema.Truth`


class World(Protocol):
  """Interface of a synthetic world, used by `WorldSource`; tests use a cheap implementation.

  Motions are motion vectors: `constants.MOTION_FIELDS`.

  Attributes:
    name: of the world; a corpus holds records of one world.
  """

  name: str

  def speaker_ids(self, split: str, count: int) -> Sequence[int]:
    """Ids of the first `count` speakers of a split."""

  def attributes(self, speaker_id: int) -> np.ndarray:
    """Attributes, float32 `[3]`: sex, age, head size."""

  def neutral(self, seed: int) -> np.ndarray:
    """Samples a frontal, neutral motion with the mouth closed, float32 `[58]`."""

  def random(self, seed: int) -> np.ndarray:
    """Samples a motion of speech with a head pose, float32 `[58]`."""

  def talk(self, speaker_id: int, seed: int, split: str, num_frames: int) -> ActedTalk:
    """Speech of `num_frames` frames with its motion."""

  def draw(self, speaker_id: int, seed: int, motion: np.ndarray, size: int) -> RenderedClip:
    """Renders an identity of a speaker with motion `[k, 58]`; `size` is the side of the frames in pixels."""

  @property
  def crop_version(self) -> int:
    """Version of the portrait crop of the frames."""


def growing_texts(rng: np.random.Generator, language: str, split: str, num_frames: int) -> Iterator[str]:
  """Longer and longer texts of a language, the first of about the length of `num_frames` frames when spoken."""
  from seetalk_jax.synthetic import texts

  text, num_characters = '', num_frames / constants.FPS * _CHARACTERS_PER_SECOND
  while True:
    while len(text) < num_characters:
      text = f'{text} {texts.sample_text(int(rng.integers(2**31)), language, split)}'.strip()
    yield text
    num_characters *= 1.5


def random_window(
  waveform: np.ndarray, track: np.ndarray, num_frames: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """A random window of speech and its motion.

  Args:
    waveform: `[n]` at 16 kHz; zeros follow its end.
    track: motion, `[t, d]` with `t >= num_frames`.
    num_frames: length of the window.
    rng: random generator.

  Returns:
    (speech, float32 `[640 * num_frames]`; its motion `[num_frames, d]`).
  """
  first = int(rng.integers(len(track) - num_frames + 1))
  wanted = slice(first * constants.SAMPLES_PER_FRAME, (first + num_frames) * constants.SAMPLES_PER_FRAME)
  speech = np.zeros([num_frames * constants.SAMPLES_PER_FRAME], np.float32)
  part = waveform[wanted]
  speech[: len(part)] = part
  return speech, track[first : first + num_frames]


class WorldSource:
  """Source of records `[0, num)` of one kind and split, rendered on demand; record i depends only on (seed, i).

  * `faces`: a portrait (frame 0: frontal, neutral, mouth closed) and two more frames of one identity, with 3
    s of speech. Records 2i and 2i + 1 have different speakers and share the motions of the frames after frame
    0. So each is the exact ground truth for transferring the motion of the other.
  * `clips`: 25 consecutive frames with 1 s of speech and a margin of 0.2 s of speech on each side.
  * `talks`: 8 s of speech with its motion track, so that different windows of 4 s can be sampled; no pictures.

  `frames` changes these lengths; of `faces` it counts the portrait.

  Usable by `grain.MapDataset.source` and by `data.pipeline.make_batches(record_sources=...)`.
  """

  def __init__(
    self,
    kind: str,
    split: str,
    num: int,
    *,
    size: int = 256,
    seed: int = 0,
    records_per_speaker: int = 1,
    first_speaker: int = 0,
    frames: int | None = None,
    world: World | Callable[[], World] | None = None,
  ):
    """Creates the source without rendering anything.

    Args:
      kind: one of `KINDS`.
      split: `train`, `validation` or `test`; splits share no speaker.
      num: number of records; even for `faces`.
      size: side of the frames in pixels, a multiple of 8; ignored for `talks`.
      seed: seed of everything except the speakers.
      records_per_speaker: number of records per speaker.
      first_speaker: number of speakers of the split to skip; use an even number so that pairs do not overlap.
      frames: frames of a record, at least 2; None for `kinds.FRAMES`.
      world: a `World`, or a callable that returns one; None for the world of people, `human.world.HumanWorld`.

    Raises:
      InputError: an argument is out of range.
    """
    if kind not in KINDS:
      raise InputError(f'kind {kind!r} is unknown: use one of {", ".join(KINDS)}')
    if num < 1 or (kind == 'faces' and num % 2):
      raise InputError(f'{num} records of {kind}: use a positive number, an even one for faces')
    if size < 16 or size % 8:
      raise InputError(f'size {size}: use a multiple of 8 pixels, at least 16')
    if records_per_speaker < 1 or first_speaker < 0:
      raise InputError('records_per_speaker must be at least 1 and first_speaker at least 0')
    if frames is not None and frames < 2:
      raise InputError(f'{frames} frames in a record: use at least 2')
    self.kind, self.split, self.size, self.seed = kind, split, size, seed
    if world is None:
      from seetalk_jax.synthetic.human.world import HumanWorld as world  # which imports this module
    self.world = world() if callable(world) else world
    self._length, self._num_frames = num, FRAMES[kind] if frames is None else frames
    self._per_speaker = records_per_speaker
    pairs = -(-num // (2 * records_per_speaker))
    self._speakers = self.world.speaker_ids(split, first_speaker + 2 * pairs)[first_speaker:]

  def __len__(self) -> int:
    return self._length

  def __repr__(self) -> str:
    return f'WorldSource({self.kind}-{self.split}, {self._length} records, seed {self.seed})'

  def speaker_of(self, index: int) -> int:
    """Speaker id of record `index`; records 2i and 2i + 1 always have different speakers."""
    pair, side = divmod(index, 2)
    return int(self._speakers[2 * (pair // self._per_speaker) + side])

  def __getitem__(self, index: int) -> schema.ClipRecord:
    if not 0 <= index < self._length:
      raise IndexError(f'record {index} of {self._length}')
    make = {'faces': self._faces, 'clips': self._clips, 'talks': self._talks}[self.kind]
    return make(index, self.speaker_of(index))

  def _seed(self, index: int, purpose: str) -> int:
    """Seed of 31 bits, valid for NumPy and for JAX."""
    text = f'{self.seed}/{self.kind}/{self.split}/{index}/{purpose}'
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), 'big') >> 1

  def _faces(self, index: int, speaker: int) -> schema.ClipRecord:
    pair = index - index % 2
    motion = np.stack(
      [
        self.world.neutral(self._seed(index, 'portrait')),
        *(self.world.random(self._seed(pair, f'frame{j}')) for j in range(1, self._num_frames)),
      ]
    )
    seed = self._seed(index, 'speech')
    talk = self.world.talk(speaker, seed, self.split, constants.SPEECH_FRAMES)
    return self._record(index, speaker, motion, talk)

  def _clips(self, index: int, speaker: int) -> schema.ClipRecord:
    margin = schema.CLIP_MARGIN_FRAMES
    num_frames = self._num_frames + 2 * margin
    talk = self.world.talk(speaker, self._seed(index, 'speech'), self.split, num_frames)
    return self._record(index, speaker, talk.motion[margin:-margin], talk, lead=margin)

  def _talks(self, index: int, speaker: int) -> schema.ClipRecord:
    talk = self.world.talk(speaker, self._seed(index, 'speech'), self.split, self._num_frames)
    return self._record(index, speaker, None, talk)

  def _record(self, index, speaker, motion, talk: ActedTalk, *, lead=0) -> schema.ClipRecord:
    truth = {'attributes': np.asarray(self.world.attributes(speaker), np.float32), **talk.labels}
    pictures = {}
    if motion is not None:
      motion = np.asarray(motion, np.float32)
      clip = self.world.draw(speaker, self._seed(index, 'look'), motion, self.size)
      truth |= {
        'identity': clip.identity,
        'canonical': clip.canonical,
        'parts': clip.parts,
        'opening': clip.opening,
      }
      pictures = {
        'frames': [schema.encode_frame(frame) for frame in clip.frames],
        'size': self.size,
        'landmarks': clip.landmarks,
        'lip_box': clip.lip_box,
        'motion': motion,
      }
    return schema.ClipRecord(
      kind=self.kind,
      speaker=speaker,
      clip=index,
      audio=schema.to_int16(talk.speech),
      audio_lead=lead * constants.SAMPLES_PER_FRAME,
      crop_version=self.world.crop_version,
      speech_motion=np.asarray(talk.motion, np.float32),
      motion_status=np.full(constants.MOTION_DIM, constants.MotionStatus.EXACT, np.uint8),
      truth=schema.Truth(**truth),
      **pictures,
    )
