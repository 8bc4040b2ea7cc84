"""Table of the views of the data, and the shapes of their batches.

For each view: the entries of a batch, the record kinds that serve it, and how an element is made. An element depends
only on its records, its random generator and the options of the pipeline. Frame and window sampling is in `transforms`.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.data.clip_views import Clip, SpeechMotion, Sync, SyncFace
from seetalk_jax.data.pair_views import MotionPair, TalkingPair
from seetalk_jax.data.portrait_views import ImageView, PortraitSpeech
from seetalk_jax.data.view import Entry, View
from seetalk_jax.errors import InputError

VIEWS: dict[str, type[View]] = {
  view.name: view
  for view in (PortraitSpeech, ImageView, MotionPair, SpeechMotion, Sync, SyncFace, Clip, TalkingPair)
}


def find_view(name: str) -> type[View]:
  """The view of a name.

  Raises:
    InputError: no such view.
  """
  if name not in VIEWS:
    raise InputError(f'view {name!r} is unknown: use one of {", ".join(VIEWS)}')
  return VIEWS[name]


def batch_spec(
  view: str,
  batch_size: int,
  image_size: int = 256,
  *,
  only: Sequence[str] = (),
  num_frames: int | None = None,
  conditions: Sequence[str] = (),
) -> dict[str, jax.ShapeDtypeStruct]:
  """Returns names, shapes and dtypes of a batch of `view`; the first axis of every shape is `batch_size`.

  Args:
    view: key of `VIEWS`.
    batch_size: number of elements in the batch.
    image_size: side of the images in pixels; a multiple of 4.
    only: the entries to describe; () for all.
    num_frames: frames of a window; None for those of the view.
    conditions: keys of the view's `conditions` whose entries are included.

  Raises:
    InputError: no such view, or one without these options.
    KeyError: an entry in `only` that the view does not have.
  """
  cls = find_view(view)
  cls.check_options(num_frames, conditions)
  frames = num_frames or cls.num_frames or 0
  sizes = {'S': image_size, 'S/4': image_size // 4, 'T': frames, '640 T': frames * SAMPLES_PER_FRAME}
  entries = cls.entries_with(conditions)

  def spec(entry: Entry) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((batch_size, *(sizes.get(size, size) for size in entry.shape)), entry.dtype)

  return {name: spec(entries[name]) for name in only or entries}
