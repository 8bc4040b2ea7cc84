"""Inputs that the parts of an evaluation share: talks, videos, portraits and readers; costly ones are cached."""

from __future__ import annotations

import copy
import functools
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation import disk_cache, generated, groups
from seetalk_jax.evaluation.measures import pictures, sync
from seetalk_jax.evaluation.probes import identity, readers, rendered, towers, trunk, worlds

# Added to seeds of renderings: looks that no other figure uses.
OTHER_LOOK, _REDRAWN = 1_000_000, 2_000_000


class Talk(NamedTuple):
  """A held-out speaker with a held-out text: `speech [640 n]` (16 kHz) and its true `motion [n, 58]`."""

  speaker: int
  speech: np.ndarray
  motion: np.ndarray


class EvaluationInputs:
  """What the parts of an evaluation measure; inputs that several parts share are computed once.

  Every voice has its own seed: `config.seed` plus its index. With one common seed the voices would share
  their noise, hence their blink times and much of their appearance, and would not be independent samples.

  Args:
    config: as in configs/demo.py.
    world: the synthetic world.
    make_generator: creates the pipeline under test when it is first needed.
    workdir: cache folder of the readers and the rendered appearances, which do not depend on the checkpoint.
    towers: the encoders of contrastive pre-training, for `retrieval`; releases have no face encoder.
    sync_judge: a sync expert that the checkpoint was not trained with, for `refinement`; None skips it.
    landmarker: path of MediaPipe's face_landmarker.task, for `theval`; None skips it.
    real_videos: video files of real people, with which `theval` compares.
    inception: maps pictures uint8 `[n, S, S, 3]` to features `[n, 2048]`, for the FID of `portraits`; None skips it.
  """

  def __init__(
    self,
    config,
    world: worlds.MeasuredWorld,
    make_generator: Callable[[], generated.Generator],
    workdir: str,
    towers: towers.Towers | None = None,
    sync_judge: sync.SyncJudge | None = None,
    landmarker: str | None = None,
    real_videos: Sequence[pathlib.Path] = (),
    inception: Callable[[np.ndarray], np.ndarray] | None = None,
  ):
    self.config, self.world, self.workdir, self.towers = config, world, workdir, towers
    self.sync_judge = sync_judge
    self.landmarker, self.real_videos = landmarker, real_videos
    self.inception = inception
    self._make_generator = make_generator

  def with_generator(self, make_generator: Callable[[], generated.Generator]) -> EvaluationInputs:
    """The same inputs for another pipeline; what does not depend on it is kept."""
    other = copy.copy(self)
    for name in ('generator', 'read_videos', 'portraits', 'portraits_of_seeds'):
      other.__dict__.pop(name, None)
    other._make_generator = make_generator
    return other

  @functools.cached_property
  def generator(self) -> generated.Generator:
    """The pipeline under test."""
    return self._make_generator()

  @functools.cached_property
  def talks(self) -> list[Talk]:
    """Held-out speakers with held-out texts, used for the videos."""
    settings = self.config.talks
    speakers = self.world.speakers('test', settings.first, settings.voices)
    return [self.talk(s, settings.seed + i, settings.frames) for i, s in enumerate(speakers)]

  @functools.cached_property
  def read_videos(self) -> list[np.ndarray]:
    """Readings `[n, fields]` of every frame of the videos of `talks`."""
    return [
      self.reader(self.small(self.generator.video(talk.speech, self.config.seed + i)))
      for i, talk in enumerate(tqdm(self.talks, desc='videos', file=sys.stderr))
    ]

  @property
  def face_speakers(self) -> list[int]:
    """Ids of the held-out speakers whose faces are evaluated."""
    settings = self.config.faces
    return self.world.speakers('test', settings.first, settings.voices)

  @functools.cached_property
  def face_speech(self) -> list[np.ndarray]:
    """One recording of each of `face_speakers`."""
    settings = self.config.faces
    return [self.talk(s, settings.seed + i, settings.frames).speech for i, s in enumerate(self.face_speakers)]

  @functools.cached_property
  def face_groups(self) -> dict[str, np.ndarray]:
    """Bool `[n]` by name: groups of `face_speakers` by sex, age, skin of `true_portraits` and language."""
    world, speakers, seed = self.world, self.face_speakers, self.config.faces.seed
    melanin = [world.melanin(speaker, i) for i, speaker in enumerate(speakers)]
    languages = [world.language(speaker, seed + i) for i, speaker in enumerate(speakers)]
    return groups.groups_of(
      np.stack([world.attributes(speaker) for speaker in speakers]),
      None if None in melanin else np.array(melanin),
      None if None in languages else languages,
    )

  @functools.cached_property
  def portraits(self) -> np.ndarray:
    """uint8 `[n, S, S, 3]`, one generated portrait for each of `face_speakers`."""
    made = [
      self.generator.portraits(speech, [self.config.seed + i])[0]
      for i, speech in enumerate(tqdm(self.face_speech, desc='portraits', file=sys.stderr))
    ]
    return np.stack(made)

  @functools.cached_property
  def portraits_of_seeds(self) -> list[np.ndarray]:
    """uint8 `[seeds, 128, 128, 3]`, several portraits of each of the first `face_speakers`; see `config.spread`."""
    settings = self.config.spread
    seeds = [self.config.seed + 1 + k for k in range(settings.seeds)]
    return [
      self.small(self.generator.portraits(speech, seeds))
      for speech in tqdm(self.face_speech[: settings.voices], desc='faces of one voice', file=sys.stderr)
    ]

  @functools.cached_property
  def true_portraits(self) -> np.ndarray:
    """uint8 `[n, 128, 128, 3]`, a rendered portrait of each of `face_speakers`."""
    return self._kept('true', lambda: self._true_frames(0, self.world.neutral))

  @functools.cached_property
  def other_portraits(self) -> np.ndarray:
    """As `true_portraits`, with other looks of the same speakers."""
    return self._kept('other', lambda: self._true_frames(OTHER_LOOK, self.world.neutral))

  @functools.cached_property
  def true_frames(self) -> np.ndarray:
    """As `true_portraits`, with random motions."""
    return self._kept('moving', lambda: self._true_frames(0, self.world.random))

  @functools.cached_property
  def redrawn_portraits(self) -> list[np.ndarray]:
    """uint8 `[seeds, 128, 128, 3]`, renderings of each of the first `face_speakers`, each with a newly drawn look."""
    settings = self.config.spread
    looks = [(s, k) for s in self.face_speakers[: settings.voices] for k in range(settings.seeds)]

    def make():
      bar = tqdm(looks, desc='render redrawn', file=sys.stderr, leave=False)
      return np.stack([self.world.portrait(s, _REDRAWN + k, trunk.IMAGE_SIZE) for s, k in bar])

    made = self._kept('redrawn', make, settings.voices, settings.seeds)
    return list(made.reshape(settings.voices, settings.seeds, *made.shape[1:]))

  @functools.cached_property
  def looks(self) -> rendered.RenderedLooks:
    """Training renderings of the readers: speakers that no network of the library was trained on."""
    return rendered.cached_looks(self.workdir, self.world, self.config.looks)

  @functools.cached_property
  def reader(self) -> readers.Reader:
    """Reader of mouth opening, pose, lids, sex, age and colors."""
    settings = self.config.reader

    def make():
      return readers.train_reader(
        **self.looks.to_learn_from(),
        network=readers.ReaderNetwork(**self.config.network),
        num_steps=settings.steps,
        batch_size=settings.batch_size,
        seed=settings.seed,
      )

    path = self._cache_path('reader', settings) + '.safetensors'
    reader = disk_cache.cached(path, make, readers.save_reader, readers.load_reader)
    summary = ', '.join(f'{k} {reader.error[k]:.3f} (r {reader.agreement[k]:.2f})' for k in readers.FIELDS)
    print(f'reader, mean error on held-out appearances: {summary}', file=sys.stderr)
    return reader

  @functools.cached_property
  def identity_reader(self) -> identity.IdentityReader:
    """Identity embedding of pictures."""
    settings = self.config.identity

    def make():
      return identity.train_identity(
        self.looks.images,
        network=identity.IdentityNetwork(**self.config.network),
        num_steps=settings.steps,
        batch_size=settings.batch_size,
        seed=settings.seed,
      )

    path = self._cache_path('identity', settings) + '.safetensors'
    return disk_cache.cached(path, make, identity.save_identity, identity.load_identity)

  def small(self, frames: np.ndarray) -> np.ndarray:
    """uint8 pictures downsampled to the input size of the readers."""
    return pictures.halve(frames, trunk.IMAGE_SIZE)

  def talk(self, speaker: int, seed: int, num_frames: int) -> Talk:
    """A talk of `num_frames` frames with a held-out text."""
    talk = self.world.talk(int(speaker), seed, 'test', num_frames)
    return Talk(int(speaker), talk.speech, talk.motion)

  def _true_frames(self, first: int, motion: Callable[[int], np.ndarray]) -> np.ndarray:
    """A rendering of each of `face_speakers`, uint8 `[n, 128, 128, 3]`; looks and motions have seeds from `first`."""
    bar = tqdm(self.face_speakers, desc='render', file=sys.stderr, leave=False)
    return np.stack(
      [
        self.world.draw(speaker, i, motion(i)[None], trunk.IMAGE_SIZE).frames[0]
        for i, speaker in enumerate(bar, first)
      ]
    )

  def _kept(self, name: str, make: Callable[[], np.ndarray], *settings) -> np.ndarray:
    """The renderings `make()` of the speakers of `config.faces`, kept as NAME-KEY.npz in the workdir."""
    faces, world = self.config.faces, self.world
    key = disk_cache.digest([faces.first, faces.voices, *settings, world.name, world.crop_version])
    path = os.path.join(self.workdir, f'{name}-{key}.npz')
    save, load = disk_cache.save_arrays, disk_cache.load_arrays
    return disk_cache.cached(path, lambda: {'pictures': make()}, save, load)['pictures']

  def _cache_path(self, name: str, settings) -> str:
    """The file, without its suffix, of readers with these settings; they depend on the renderings and the network."""
    parts = self.config.looks, self.config.network, settings
    key = disk_cache.digest([*(part.to_dict() for part in parts), self.world.name, self.world.crop_version])
    return os.path.join(self.workdir, f'{name}-{key}')
