"""Text generator for speech synthesis: seeded, in several languages, with different nouns in every split.

Every sentence contains at least one noun, and the nouns of a language are divided among the splits. So a text
of one split never occurs in another. The grammar is simple and mostly correct; only the sound matters.
"""

from __future__ import annotations

import functools

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import asian_african_word_banks, european_word_banks, word_banks

_BANKS = word_banks.BANKS | european_word_banks.EUROPEAN_BANKS | asian_african_word_banks.ASIAN_AFRICAN_BANKS
_ALIASES = {'yue': 'cmn'}  # Cantonese reads the same characters
LANGUAGES = tuple(_BANKS)  # new languages at the end: the position is part of the seed
_SPLITS = {'train': 0, 'validation': 1, 'test': 2}
_STREAM = 0x7E87


@functools.cache
def nouns(language: str, split: str) -> tuple[str, ...]:
  """Returns the nouns of `language` that belong to `split`, with the article if the language has one."""
  bank = _bank(language)
  if split not in _SPLITS:
    raise InputError(f'unknown split {split!r}, split, use one of {", ".join(_SPLITS)}')
  # Of every six nouns, four are for train and one for each of the other splits.
  owners = (0, 0, 1, 0, 0, 2)
  words = _words(bank['nouns'])
  return tuple(word for i, word in enumerate(words) if owners[i % 6] == _SPLITS[split])


def sample_text(seed: int, language: str, split: str = 'train', num_sentences: int | None = None) -> str:
  """Samples a text of a few sentences.

  Args:
    seed: random seed; the same seed, language and split give the same text.
    language: a key of `LANGUAGES`, or a regional code whose first part is a key ('en-us').
    split: 'train', 'validation' or 'test'.
    num_sentences: number of sentences; None samples 1 to 3.

  Raises:
    InputError: unknown language or split.
  """
  bank = _bank(language)
  rng = np.random.default_rng([_STREAM, seed, _SPLITS.get(split, 9), LANGUAGES.index(language_key(language))])
  count = int(rng.integers(1, 4)) if num_sentences is None else num_sentences
  slots = {
    'N': nouns(language, split),
    'V': _words(bank['verbs']),
    'A': _words(bank['adjectives']),
    'P': _words(bank['places']),
    'T': _words(bank['times']),
    'H': _words(bank['names']),
  }
  templates = bank['templates']
  return ' '.join(_fill(templates[rng.integers(len(templates))], slots, rng) for _ in range(count))


def language_key(language: str) -> str:
  """Returns the key of `LANGUAGES` for a language code ('en-us' -> 'en'); raises InputError if it is unknown."""
  key = language.lower().split('-')[0]
  key = _ALIASES.get(key, key)
  if key not in _BANKS:
    raise InputError(f'no word bank for language {language!r}, language, use one of {", ".join(LANGUAGES)}')
  return key


def _bank(language: str) -> dict:
  return _BANKS[language_key(language)]


@functools.cache
def _words(text: str) -> tuple[str, ...]:
  return tuple(word.strip() for word in text.split(',') if word.strip())


def _fill(template: str, slots: dict[str, tuple[str, ...]], rng: np.random.Generator) -> str:
  """Fills the slots in braces: N noun, V verb, A adjective, P place, T time, H name, # number."""
  parts, used = [], set()
  for piece in template.replace('}', '{').split('{'):
    if piece == '#':
      scale = (10, 30, 100, 1000, 3000)[rng.integers(5)]
      parts.append(str(int(rng.integers(2, scale))))
    elif piece in slots:
      word = slots[piece][rng.integers(len(slots[piece]))]
      while word in used:  # no noun or name twice in a sentence
        word = slots[piece][rng.integers(len(slots[piece]))]
      used.add(word)
      parts.append(word)
    else:
      parts.append(piece)
  sentence = ''.join(parts)
  first = next(i for i, letter in enumerate(sentence) if letter.isalnum())
  return sentence[: first + 1].upper() + sentence[first + 1 :]
