"""Phases cut into ticks, and the calls of `fit` that are left."""

import pytest

from tfgan_suite.engine.training_phase import FitCall, TrainingPhase, fit_calls, plan_ticks

WHOLE = TrainingPhase(first_image=0, end_image=320, batch_size=8)


@pytest.mark.parametrize(
    "images_seen, expected",
    [
        (0, [(0, 4, 10)]),
        (160, [(2, 4, 10)]),
        (104, [(1, 2, 7), (2, 4, 10)]),
        (280, [(3, 4, 5)]),
        (320, []),
    ],
)
def test_what_is_left_of_one_phase(images_seen, expected):
    calls = fit_calls(plan_ticks([WHOLE], images_per_tick=80), images_seen)
    assert [(call.first_tick, call.end_tick, call.steps) for call in calls] == expected


def test_phases_with_other_batches():
    first = TrainingPhase(first_image=0, end_image=50, batch_size=16, size=4)
    second = TrainingPhase(first_image=50, end_image=80, batch_size=4, size=8)
    ticks = plan_ticks([first, second], images_per_tick=32)
    # The first phase's last step goes to 64; the second one is that much shorter.
    assert [(tick.phase.size, tick.first_image, tick.steps) for tick in ticks] == [(4, 0, 2), (4, 32, 2), (8, 64, 4)]
    assert ticks[-1].end_image == 80
    assert fit_calls(ticks, 0) == [FitCall(first, 0, 2, 2), FitCall(second, 2, 3, 4)]
    # Wherever a run stops, what is left ends where the run would have ended.
    for images_seen in (0, 16, 32, 48, 64, 68, 76):
        left = sum(
            call.phase.batch_size * call.steps * (call.end_tick - call.first_tick)
            for call in fit_calls(ticks, images_seen)
        )
        assert images_seen + left == 80


def test_a_phase_that_the_one_before_has_run_over_is_left_out():
    phases = [
        TrainingPhase(first_image=0, end_image=10, batch_size=16),
        TrainingPhase(first_image=10, end_image=16, batch_size=2),
        TrainingPhase(first_image=16, end_image=20, batch_size=2),
    ]
    assert [tick.phase.first_image for tick in plan_ticks(phases, images_per_tick=100)] == [0, 16]


def test_ticks_are_made_of_whole_executions():
    phases = [
        TrainingPhase(first_image=0, end_image=50, batch_size=10),
        TrainingPhase(first_image=50, end_image=90, batch_size=10),
    ]
    ticks = plan_ticks(phases, images_per_tick=30, steps_per_execution=2)
    # 60 images of the first phase, and 40 of the second, which Keras would take in any case.
    assert [(tick.first_image, tick.steps) for tick in ticks] == [(0, 4), (40, 2), (60, 4)]
