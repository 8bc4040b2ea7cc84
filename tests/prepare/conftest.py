"""Face reader of green squares: replaces MediaPipe in the tests of this folder."""

from __future__ import annotations

import green_faces
import pytest


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
  green_faces.use(monkeypatch)
