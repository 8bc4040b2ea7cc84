"""Shardings of the base networks on a mesh, compared with the reviewed file."""

import json

import golden_shardings
import pytest


def test_every_stage_is_reviewed():
  assert set(json.loads(golden_shardings.FILE.read_text())) == set(golden_shardings.STAGES)


@pytest.mark.parametrize('stage', golden_shardings.STAGES)
def test_shardings_are_those_of_the_file(stage):
  found, wanted = golden_shardings.describe(stage), json.loads(golden_shardings.FILE.read_text())[stage]
  assert found == wanted, 'run python tests/helpers/golden_shardings.py and review what changed'
  # 64 devices, 32 of which split parameters: replicated arrays are a tiny share.
  assert found['share_that_a_device_holds'] < 0.1
