"""Progress of inference: reports at the start, in between and at the end, and times that add up."""

import pytest

from seetalk_jax.inference import progress


def test_stages_report_and_their_times_add_up(monkeypatch):
  now = iter([1.0, 3.0, 10.0, 10.5, 20.0, 21.0])
  monkeypatch.setattr(progress.time, 'perf_counter', lambda: next(now))
  reports, seconds = [], {'render': 4.0}
  timed = progress.StageTimer(seconds, lambda *report: reports.append(report))
  with timed('render', 3) as done:
    done(1)
    done(2)
  with timed('encode'):
    pass
  with timed('render', 2):
    pass
  assert reports[:4] == [('render', 0, 3), ('render', 1, 3), ('render', 2, 3), ('render', 3, 3)]
  assert reports[4:6] == [('encode', 0, 1), ('encode', 1, 1)]
  assert seconds == {'render': pytest.approx(4.0 + 2.0 + 1.0), 'encode': pytest.approx(0.5)}


def test_a_stage_that_fails_does_not_report_its_end():
  reports, seconds = [], {}
  with (
    pytest.raises(ZeroDivisionError),
    progress.StageTimer(seconds, lambda *r: reports.append(r))('render', 2),
  ):
    raise ZeroDivisionError
  assert reports == [('render', 0, 2)] and not seconds
