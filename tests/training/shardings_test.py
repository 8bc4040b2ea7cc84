"""The base networks lie on a mesh as the reviewed file says; a change shows there."""

import json

import golden_shardings
import pytest


def test_every_stage_is_reviewed():
  assert set(json.loads(golden_shardings.FILE.read_text())) == set(golden_shardings.STAGES)


@pytest.mark.parametrize('stage', golden_shardings.STAGES)
def test_shardings_are_those_of_the_file(stage):
  found, wanted = golden_shardings.describe(stage), json.loads(golden_shardings.FILE.read_text())[stage]
  assert found == wanted, 'run python tests/helpers/golden_shardings.py and review what changed'
  # 64 devices, of which 32 split parameters: what all of them hold whole is next to nothing.
  assert found['share_that_a_device_holds'] < 0.1
