"""HLO parsing: run counts of program parts and sizes of arrays, from texts like those of the TPU compiler."""

import jax
import jax.numpy as jnp

from seetalk_jax.planning import hlo, memory_traffic

LOOP = """HloModule jit_f, is_scheduled=true

%sliced (param_0: bf16[6,128,256], param_1: s32[]) -> bf16[1,128,256] {
  %param_0 = bf16[6,128,256]{2,1,0:T(8,128)(2,1)} parameter(0)
  %param_1 = s32[]{:T(128)} parameter(1)
  %zero = s32[]{:T(128)} constant(0)
  ROOT %slice = bf16[1,128,256]{2,1,0:T(8,128)(2,1)S(1)} dynamic-slice(%param_0, %param_1, %zero, %zero)
}

%updated (param_0: f32[6,100,3], param_1: f32[1,100,3], param_2: s32[]) -> f32[6,100,3] {
  %param_0 = f32[6,100,3]{2,1,0:T(8,128)} parameter(0)
  %param_1 = f32[1,100,3]{2,1,0:T(8,128)} parameter(1)
  %param_2 = s32[]{:T(128)} parameter(2)
  ROOT %update = f32[6,100,3]{2,1,0:T(8,128)} dynamic-update-slice(%param_0, %param_1, %param_2, %param_2, %param_2)
}

%condition (state: (s32[], bf16[6,128,256], f32[6,100,3])) -> pred[] {
  %limit = s32[]{:T(128)} constant(6)
  %state = (s32[]{:T(128)}, bf16[6,128,256], f32[6,100,3]) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%state), index=0
  ROOT %less = pred[]{:T(512)} compare(%i, %limit), direction=LT
}

%body (state: (s32[], bf16[6,128,256], f32[6,100,3])) -> (s32[], bf16[6,128,256], f32[6,100,3]) {
  %one = s32[]{:T(128)} constant(1)
  %state = (s32[]{:T(128)}, bf16[6,128,256], f32[6,100,3]) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%state), index=0
  %w = bf16[6,128,256]{2,1,0:T(8,128)(2,1)} get-tuple-element(%state), index=1
  %y = f32[6,100,3]{2,1,0:T(8,128)} get-tuple-element(%state), index=2
  %part = bf16[1,128,256]{2,1,0:T(8,128)(2,1)S(1)} fusion(%w, %i), kind=kLoop, calls=%sliced, backend_config={"estimated_cycles":"50"}
  %new = f32[1,100,3]{2,1,0:T(8,128)S(1)} custom-call(%part), custom_call_target="kernel"
  %next_y = f32[6,100,3]{2,1,0:T(8,128)} fusion(%y, %new, %i), kind=kLoop, calls=%updated
  %next = s32[]{:T(128)} add(%i, %one)
  ROOT %out = (s32[]{:T(128)}, bf16[6,128,256], f32[6,100,3]) tuple(%next, %w, %next_y)
}

ENTRY %main (w: bf16[6,128,256], y: f32[6,100,3]) -> f32[6,100,3] {
  %w = bf16[6,128,256]{2,1,0:T(8,128)(2,1)} parameter(0)
  %y = f32[6,100,3]{2,1,0:T(8,128)} parameter(1)
  %two = s32[]{:T(128)} constant(2)
  %begin = s32[]{:T(128)} copy(%two)
  %start = (s32[]{:T(128)}, bf16[6,128,256], f32[6,100,3]) tuple(%begin, %w, %y)
  %loop = (s32[]{:T(128)}, bf16[6,128,256], f32[6,100,3]) while(%start), condition=%condition, body=%body
  ROOT %got = f32[6,100,3]{2,1,0:T(8,128)} get-tuple-element(%loop), index=2
}
"""  # noqa: E501


def test_a_loop_runs_from_its_start_to_its_limit():
  program = hlo.parse(LOOP)
  assert program.runs(inside_fusions=False) == {'main': 1, 'condition': 4, 'body': 4}
  assert program.runs(inside_fusions=True)['sliced'] == 4


def test_arrays_fill_their_tiles_and_know_their_memory():
  body = hlo.parse(LOOP).bodies['body']
  (y,), (part,) = body['y'].arrays, body['part'].arrays
  assert (y.bytes, y.held, y.space) == (6 * 100 * 3 * 4, 6 * 104 * 128 * 4, 0)
  assert (part.held, part.space) == (128 * 256 * 2, 1)


def test_slices_and_updates_move_their_own_size():
  program = hlo.parse(LOOP)
  # Four iterations: a slice is read, an update of one sixth is written; plus two copies of a counter tile.
  tile = 128 * 4
  assert memory_traffic.moved(program) <= 4 * (128 * 256 * 2 + 104 * 128 * 4 + 8 * tile) + 2 * tile
  assert memory_traffic.moved(program) >= 4 * (128 * 256 * 2 + 104 * 128 * 4)
  assert memory_traffic.cycles(program) == 4 * 50


def test_a_compiled_scan_counts_every_turn():
  def run(x):
    return jax.lax.scan(lambda x, _: (jnp.sin(x @ x), None), x, None, length=7)[0]

  program = hlo.parse(jax.jit(run).lower(jnp.ones((64, 64))).compile().as_text())
  assert 7 in program.runs(inside_fusions=False).values()
