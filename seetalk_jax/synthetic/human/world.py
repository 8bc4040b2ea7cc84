"""Human world: records of people who look like people, for `source.WorldSource`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax import constants
from seetalk_jax.media import audio as media_audio
from seetalk_jax.media import face, landmark_indices
from seetalk_jax.synthetic import speakers
from seetalk_jax.synthetic.source import ActedTalk, RenderedClip, growing_texts, random_window

# Canonical coordinates: decimeters from this place over this length, so that the head spans about -1..1.
_CANONICAL_CENTER, _CANONICAL_SCALE = (0.0, 7.2, 0.5), 1.3
# The background's own coordinates span this much, far behind the head.
_BACKDROP_WIDTH, _BACKDROP_Z = 3.2, -3.0
_STREAM_SCENE, _STREAM_TALK, _STREAM_NEUTRAL, _STREAM_RANDOM = 0x5CE4, 0x7A1C, 0x4E07, 0x4A4D
_NUM_BABBLES = 64  # different groups of other talkers in the background of recordings
_EMOTIONAL = 0.35  # share of talks with an emotion


class HumanWorld:
  """World of MakeHuman heads with hair, clothes, light and cameras; see `source.World`."""

  name = 'human'

  def speaker_ids(self, split: str, count: int) -> Sequence[int]:
    return speakers.speaker_ids(split, count)

  def attributes(self, speaker_id: int) -> np.ndarray:
    return speakers.sample_speaker(int(speaker_id)).attributes

  def weight(self, speaker_id: int) -> float:
    """Body weight of a speaker as a standard score; head size explains half of it."""
    from seetalk_jax.synthetic.human import people

    # The generator draws the ancestry, which belongs to a portrait and not to the speaker.
    return people.sample_traits(speakers.sample_speaker(int(speaker_id)), np.random.default_rng(0)).weight

  def neutral(self, seed: int) -> np.ndarray:
    from seetalk_jax.synthetic.acting import faces

    return faces.neutral(np.random.default_rng([_STREAM_NEUTRAL, seed]))

  def random(self, seed: int) -> np.ndarray:
    from seetalk_jax.synthetic.acting import faces

    return faces.random_expression(np.random.default_rng([_STREAM_RANDOM, seed]))

  def language(self, speaker_id: int, seed: int) -> str:
    """Language code of `talk` with this seed, such as 'en-us'."""
    return _voice(speaker_id, np.random.default_rng([_STREAM_TALK, seed])).language

  def talk(self, speaker_id: int, seed: int, split: str, num_frames: int) -> ActedTalk:
    """Speech and motion, with labels of emotions, events, style and weight."""
    # Imported here, because only speech needs espeak-ng, an optional extra.
    from seetalk_jax.synthetic import noises, nonverbal, recording
    from seetalk_jax.synthetic.acting import performance, style

    rng = np.random.default_rng([_STREAM_TALK, seed])
    own = _voice(speaker_id, rng)
    for text in growing_texts(rng, own.language, split, num_frames):
      spoken, events = nonverbal.speak_with_events(text, own, seed)
      if len(spoken.waveform) >= num_frames * constants.SAMPLES_PER_FRAME:
        break
    total = max(num_frames, len(spoken.waveform) // constants.SAMPLES_PER_FRAME)
    emotion, intensity = 'neutral', 0.0
    if rng.random() < _EMOTIONAL:
      emotion = str(rng.choice(constants.EMOTIONS[1:]))
      intensity = float(rng.uniform(0.3, 1.0))
    manner = style.sample_style(int(speaker_id))
    acted = performance.perform(spoken, manner, int(rng.integers(2**31)), total, emotion, intensity, events)
    babble = int(rng.integers(_NUM_BABBLES))
    conditions = recording.sample_conditions(rng, own.effort)
    # The voices of other people take longer than the rest of the talk.
    others = noises.talkers(split, babble) if conditions.noise == 'babble' else ()
    recorded = recording.apply(spoken.waveform, conditions, rng, voices=others)
    waveform = media_audio.normalise_loudness(recorded.astype(np.float32))
    tracks = acted.track, acted.emotions, performance.event_labels(acted.events, total)
    speech, rows = random_window(waveform, np.concatenate(tracks, axis=1), num_frames, rng)
    motion, emotions, events = np.split(rows, np.cumsum([track.shape[1] for track in tracks[:2]]), axis=1)
    labels = {
      'emotions': emotions,
      'events': events.astype(np.uint8),
      'style': style.style_to_array(manner),
      'weight': np.array([self.weight(speaker_id)], np.float32),
    }
    return ActedTalk(speech, motion, labels)

  def draw(self, speaker_id: int, seed: int, motion: np.ndarray, size: int) -> RenderedClip:
    # Imported here, because only frames need JAX and the renderer; talks do not.
    from seetalk_jax.synthetic.human import people, person

    appearance = people.sample(speakers.sample_speaker(int(speaker_id)), seed)
    return _clip(_frames(person.bake(appearance), appearance.skin, seed, motion, size), appearance)

  def draw_redressed(self, speaker_id: int, seed: int, motion: np.ndarray, size: int) -> RenderedClip:
    """As `draw`, with other clothes, light, camera and background in every frame."""
    from seetalk_jax.synthetic.human import people, person

    speaker = speakers.sample_speaker(int(speaker_id))
    appearance = people.sample(speaker, seed)
    body = person.undressed(appearance)
    frames = []
    for i, one in enumerate(motion):
      dressed = person.put_on(body, people.sample(speaker, seed + i).outfit)
      frames += _frames(dressed, appearance.skin, seed + i, one[None], size)
    return _clip(frames, appearance)

  @property
  def crop_version(self) -> int:
    return face.PORTRAIT_CROP.version


def _voice(speaker_id: int, rng: np.random.Generator):
  """The voice of a talk, `voice.VoiceParameters`; it takes the first number of the talk's `rng`."""
  from seetalk_jax.synthetic import voice

  return voice.varied_voice_of(speakers.sample_speaker(int(speaker_id)), int(rng.integers(2**31)))


class _Programs(NamedTuple):
  """Compiled functions; all people share them.

  Attributes:
    rest: landmarks of a neutral face, `landmarks.at_rest`.
    frame: (uint8 image, places and parts of cells of 4 x 4 pixels, landmarks in the picture) of one frame.
    mouth: (lip boxes, openings) of landmarks in pictures.
  """

  rest: Callable
  frame: Callable
  mouth: Callable


@functools.cache
def _programs() -> _Programs:
  import jax
  import jax.numpy as jnp

  from seetalk_jax.synthetic.human import landmarks, render, rig

  # Frames are rendered one by one: a batch of them takes as long on CPU, and several times the memory.
  def frame(baked, motion, place, arrays, size):
    coefficients = jnp.clip(motion[constants.COEFFICIENTS], 0, 1)
    pose = rig.pose_of(motion, place.camera.height)
    drawn = render.render(baked, coefficients, pose, place, arrays, size=size)
    points = landmarks.landmarks(drawn.positions[: len(arrays.rest)]) / size
    image = jnp.round(255 * drawn.image).astype(jnp.uint8)
    return image, drawn.place[2::4, 2::4], drawn.part[2::4, 2::4], points

  def mouth(points):
    return landmarks.lip_box(points), landmarks.mouth_opening(points)

  return _Programs(jax.jit(landmarks.at_rest), jax.jit(frame, static_argnames='size'), jax.jit(mouth))


def _frames(baked, skin, seed: int, motion: np.ndarray, size: int) -> list[tuple[np.ndarray, ...]]:
  """What `_Programs.frame` gives of a `person.Person` for each row of `motion`.

  Args:
    baked, skin: the person and its `skin.Skin`.
    seed: chooses light, camera and background.
  """
  import jax
  import jax.numpy as jnp

  from seetalk_jax.synthetic.human import people, person, scene

  arrays, run = person.shared(), _programs()
  rest = np.asarray(run.rest(baked.shape, arrays.topology))
  place = scene.sample_scene(
    np.random.default_rng([_STREAM_SCENE, seed]),
    rest[list(landmark_indices.EYE_CORNERS)].mean(0),
    rest[landmark_indices.CHIN],
    jitter=0.0,
    reflectance=people.reflectance(skin),
  )
  return [
    jax.device_get(run.frame(baked, jnp.asarray(one, jnp.float32), place, arrays, size=size))
    for one in motion
  ]


def _clip(frames: Sequence[tuple[np.ndarray, ...]], appearance) -> RenderedClip:
  """The clip of an appearance's `_frames`."""
  import jax

  from seetalk_jax.synthetic.human import people

  image, places, parts, points = (np.stack(column) for column in zip(*frames, strict=True))
  lip_box, opening = jax.device_get(_programs().mouth(points))
  return RenderedClip(
    frames=image,
    canonical=_canonical(places, parts).astype(np.float16),
    parts=parts,
    landmarks=points,
    lip_box=lip_box,
    opening=opening,
    identity=people.identity_to_array(appearance),
  )


def _canonical(places: np.ndarray, parts: np.ndarray) -> np.ndarray:
  """Canonical coordinates `[k, h, w, 3]`: of the head at rest, and of a plane far behind it for the background."""
  across = (np.arange(places.shape[1]) + 0.5) / places.shape[1] - 0.5
  x, y = np.broadcast_arrays(across[None, :], -across[:, None])
  behind = np.stack([_BACKDROP_WIDTH * x, _BACKDROP_WIDTH * y, np.full_like(x, _BACKDROP_Z)], -1)
  head = (places - np.float32(_CANONICAL_CENTER)) / _CANONICAL_SCALE
  return np.where((parts == constants.Part.BACKGROUND)[..., None], behind, head)
