"""Performance: a motion track of a whole utterance from phonemes, a style, an emotion and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import EVENTS, SAMPLES_PER_FRAME
from seetalk_jax.synthetic import voice
from seetalk_jax.synthetic.acting import (
  brows,
  columns,
  curves,
  emotions,
  eyes,
  head,
  lips,
  pauses,
  prosody,
  reactions,
  speech,
)
from seetalk_jax.synthetic.acting.events import Event
from seetalk_jax.synthetic.acting.style import Style

# Random streams: each kind of motion has its own, so that a change of one does not redraw the others.
_STREAMS = ('prosody', 'mouth', 'emotion', 'reactions', 'brows', 'gaze', 'head', 'blinks', 'rest', 'pauses')
_STREAM = 0xAC70


class Performance(NamedTuple):
  """Motion of a speaker with its labels.

  Attributes:
    track: float32 `[n, 58]` at 25 fps, see `columns`: coefficients in [0, 1], then radians and half image widths.
    emotions: weights of `constants.EMOTIONS` per frame, float32 `[n, 8]`; they sum to 1.
    events: the events, in the order of their times.
  """

  track: np.ndarray
  emotions: np.ndarray
  events: tuple[Event, ...]


def perform(
  utterance: voice.Utterance,
  style: Style,
  seed: int,
  num_frames: int | None = None,
  emotion: str = 'neutral',
  intensity: float = 0.0,
  events: Sequence[Event] = (),
) -> Performance:
  """Acts an utterance; the same arguments give the same track.

  Args:
    utterance: waveform and phonemes.
    style: of the speaker, from `style.sample_style`.
    seed: seed of everything that speech and style do not determine.
    num_frames: length of the track; None covers the waveform. Frames after its end are silent.
    emotion: of `constants.EMOTIONS`.
    intensity: of the emotion, 0 to 1.
    events: laughs and other events in pauses of the speech.

  Raises:
    InputError: the emotion is unknown, or the intensity is outside [0, 1].
    ValueError: an event has an unknown kind.
  """
  if num_frames is None:
    num_frames = -(-len(utterance.waveform) // SAMPLES_PER_FRAME)
  rngs = {name: np.random.default_rng([_STREAM, i, seed]) for i, name in enumerate(_STREAMS)}
  times = curves.frame_times(num_frames)
  events = tuple(sorted(events, key=lambda event: event.start_s))

  rhythm = prosody.analyze(utterance, times, rngs['prosody'])
  mouth = speech.articulate(utterance, times, style, rngs['mouth'])
  acted = emotions.act(times, rhythm, emotion, intensity, style.tempo, rngs['emotion'])
  reaction = reactions.react(times, utterance, events, style, rngs['reactions'])
  manner = acted.manner

  coefficients = _union(
    mouth.coefficients,
    _resting_face(times, style, rhythm, rngs['rest']),
    acted.coefficients,
    reaction.coefficients,
    pauses.gestures(times, rhythm, rngs['pauses']),
    brows.move(times, style, rhythm, rngs['brows'], manner.brows),
  )
  _round_instead_of_smiling(coefficients)
  coefficients = lips.constrained(coefficients, mouth.closure, mouth.tuck)

  gaze = eyes.sample_gaze(times, style, rhythm, rngs['gaze'], reaction.thinking, manner.gaze)
  pose = head.move(times, style, rhythm, gaze.angles, rngs['head'], manner) + reaction.pose
  eyes.look(coefficients, gaze.angles, pose[:, :3])
  blinks = eyes.blinks(times, style, rhythm, gaze.shifts, rngs['blinks'], manner.blinks)
  open_lids = np.maximum(style.droop, reaction.lids)[:, None]
  eyes.close_lids(coefficients, np.maximum(blinks, open_lids))

  track = np.concatenate([np.clip(coefficients, 0.0, 1.0), pose], axis=1)
  return Performance(track.astype(np.float32), acted.weights.astype(np.float32), events)


def event_labels(events: Sequence[Event], num_frames: int) -> np.ndarray:
  """Frames in which events sound: uint8 `[num_frames, 5]`, 1 where one of `constants.EVENTS` does."""
  times = curves.frame_times(num_frames)
  labels = np.zeros((num_frames, len(EVENTS)), np.uint8)
  for event in events:
    labels[(times >= event.start_s) & (times < event.end_s), EVENTS.index(event.kind)] = 1
  return labels


def _union(*parts: np.ndarray) -> np.ndarray:
  """Coefficients that several causes move: each takes its share of what the others leave."""
  rest = np.ones_like(parts[0])
  for part in parts:
    rest *= 1 - np.clip(part, 0.0, 1.0)
  return 1 - rest


def _resting_face(
  times: np.ndarray, style: Style, rhythm: prosody.Prosody, rng: np.random.Generator
) -> np.ndarray:
  """Smile or frown, squint and pressed lips of a speaker, with slow changes: float `[n, 52]`."""
  noise = curves.colored_noise(len(times), rng, 0.05, 0.5, 1.5, channels=3)
  index = blendshapes.INDEX
  result = np.zeros((len(times), blendshapes.NUM_BLENDSHAPES))
  smile = style.smile + 0.035 * noise[:, 0]
  corners = style.asymmetry[2]
  for side, share in (('Left', 1 + 1.5 * corners), ('Right', 1 - 1.5 * corners)):
    result[:, index['mouthSmile' + side]] = share * np.maximum(smile, 0.0)
    result[:, index['cheekSquint' + side]] = share * np.maximum(0.6 * smile - 0.03, 0.0)
    result[:, index['mouthFrown' + side]] = share * np.maximum(-smile, 0.0)
    result[:, index['eyeSquint' + side]] = np.maximum(style.squint + 0.03 * noise[:, 1], 0.0)
    pressed = style.press * (1 + 0.5 * noise[:, 2]) * (1 - rhythm.activity)
    result[:, index['mouthPress' + side]] = np.maximum(pressed, 0.0)
  return result


def _round_instead_of_smiling(coefficients: np.ndarray) -> None:
  """Rounded lips pull the corners in: reduces smile, stretch and dimple where funnel and pucker are large."""
  index = blendshapes.INDEX
  rounded = np.clip(coefficients[:, index['mouthFunnel']] + coefficients[:, index['mouthPucker']], 0.0, 1.0)
  for name, share in (('mouthSmile', 0.5), ('mouthStretch', 0.7), ('mouthDimple', 0.6)):
    coefficients[:, list(columns.columns_of(name))] *= (1 - share * rounded)[:, None]
