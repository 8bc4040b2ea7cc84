"""Groups of voices by sex, age, skin and language, and figures of each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seetalk_jax.evaluation.report import Figure, figure

_AGES = (('under 35', 0, 35), ('35 to 54', 35, 55), ('55 and over', 55, 200))
# By melanin, `synthetic.human.skin.Skin.melanin`: each has about a third of the world's people.
_SKINS = (('light skin', 0.0, 0.5), ('medium skin', 0.5, 1.0), ('dark skin', 1.0, 9.0))


def groups_of(
  attributes: np.ndarray, melanin: np.ndarray | None = None, languages: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
  """Bool masks `[n]` of groups by name; groups of fewer than two are left out.

  Args:
    attributes: `[n, 3]`: probability of male, age in years, head size.
    melanin: `[n]`, melanin of the skin of the true faces, about 0.1 to 2.7; None where the world has none.
    languages: n codes of the languages that are spoken; None where the world has none.
  """
  male, age = attributes[:, 0] > 0.5, attributes[:, 1]
  groups = {'male': male, 'female': ~male} | _between(age, _AGES)
  if melanin is not None:
    groups |= _between(np.asarray(melanin), _SKINS)
  if languages is not None:
    spoken = np.asarray(languages)
    groups |= {f'language {code}': spoken == code for code in sorted(set(languages))}
  return {name: mask for name, mask in groups.items() if mask.sum() > 1}


def group_figures(
  part: str, name: str, rows: Mapping[str, np.ndarray], groups: Mapping[str, np.ndarray]
) -> list[Figure]:
  """A figure of the generated portraits for every group; its note has the means of truth and shuffled voices.

  Args:
    part, name: see `Figure`; the group is added to the name.
    rows: values `[n]` by `generated`, `truth` and `shuffled`.
    groups: masks `[n]` by name.
  """
  others = [row for row in rows if row != 'generated']
  return [
    figure(
      part,
      f'{name}, {group}',
      rows['generated'][mask],
      note=', '.join(f'{row} {rows[row][mask].mean():.3g}' for row in others),
    )
    for group, mask in groups.items()
  ]


def _between(values: np.ndarray, limits: Sequence[tuple[str, float, float]]) -> dict[str, np.ndarray]:
  return {name: (values >= low) & (values < high) for name, low, high in limits}
