import pytest
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.models.progan.progan_schedule import SCHEDULES, ProGANSchedule


def in_thousands(phases):
    return [(phase.size, phase.fades, phase.first_image / 1000, phase.end_image / 1000) for phase in phases]


def test_the_papers_phases():
    phases = SCHEDULES["paper"].phases(1024)
    assert len(phases) == 17
    assert in_thousands(phases)[:5] == [
        (4, False, 0, 800),
        (8, True, 800, 1600),
        (8, False, 1600, 2400),
        (16, True, 2400, 3200),
        (16, False, 3200, 4000),
    ]
    # All of the remaining images go to the full size.
    assert in_thousands(phases)[-2:] == [(1024, True, 12_000, 12_800), (1024, False, 12_800, 19_000)]
    assert [phase.level for phase in phases] == [8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0]
    assert all(before.end_image == after.first_image for before, after in zip(phases, phases[1:]))


@pytest.mark.parametrize(
    "name, total, batch_sizes, learning_rates",
    [
        # Sizes 4, 8, 16, ..., 1024.
        ("paper", 19_000_000, [16, 16, 16, 16, 16, 16, 14, 6, 3], [0.001] * 9),
        ("one_gpu", 12_000_000, [128, 128, 128, 64, 32, 16, 8, 4, 4], [0.001] * 8 + [0.0015]),
        (
            "eight_gpus",
            12_000_000,
            [512, 256, 128, 64, 32, 32, 32, 32, 32],
            [0.001] * 5 + [0.0015, 0.002, 0.003, 0.003],
        ),
    ],
)
def test_published_schedules(name, total, batch_sizes, learning_rates):
    phases = SCHEDULES[name].phases(1024)
    assert phases[-1].end_image == total
    for fades in (False, True):  # The size that fades in has its own batch size and rate already.
        chosen = [phase for phase in phases if phase.fades == fades]
        assert [phase.batch_size for phase in chosen] == batch_sizes[fades:]
        assert [phase.learning_rate for phase in chosen] == learning_rates[fades:]


def test_cifar10():
    phases = SCHEDULES["cifar10"].phases(32)
    assert in_thousands(phases)[-1] == (32, False, 2400, 20_000) and phases[0].end_image == 400_000


def test_fade_goes_from_one_to_zero_over_the_images():
    phase = ProGANSchedule(stable_images=1000, fade_images=400).phases(8)[1]
    assert phase.fades and [phase.fade_at(seen) for seen in (1000, 1100, 1200, 1400)] == [1.0, 0.75, 0.5, 0.0]
    assert float(phase.fade_at(tf.constant(1100, tf.int64))) == 0.75
    stable = ProGANSchedule(stable_images=1000, fade_images=400).phases(8)[2]
    assert stable.fade_at(1500) == 0.0 and isinstance(stable.fade_at(tf.constant(1500)), float)


def test_steps_of_a_phase_can_be_taken_up_anywhere():
    phase = ProGANSchedule(stable_images=1000, fade_images=400, batch_size=30).phases(8)[1]
    assert phase.steps_from(0) == phase.steps_from(1000) == 14
    # A phase that went 20 images too far takes them from the next one.
    assert phase.steps_from(1020) == 13
    assert phase.steps_from(1390) == 1 and phase.steps_from(1400) == 0 == phase.steps_from(5000)


def test_phase_at():
    schedule = ProGANSchedule(stable_images=1000, fade_images=500)
    found = [schedule.phase_at(seen, 8) for seen in (0, 999, 1000, 1499, 1500, 2499, 2500, 9999)]
    assert [(phase.size, phase.fades) for phase in found] == [(4, False)] * 2 + [(8, True)] * 2 + [(8, False)] * 4


def test_a_model_of_the_first_size_has_one_phase():
    assert in_thousands(ProGANSchedule().phases(4)) == [(4, False, 0, 800)]
    assert in_thousands(ProGANSchedule(first_size=8).phases(16))[0] == (8, False, 0, 800)


def test_sizes_may_be_strings_as_in_json():
    assert ProGANSchedule(batch_sizes={"4": 64}).phases(8)[0].batch_size == 64


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 12, 48])
def test_refuses_sizes_that_no_doubling_reaches(size):
    with pytest.raises(tg.UserError, match=f"4 times a power of two. Received: size={size}"):
        ProGANSchedule().phases(size)


def test_refuses_what_makes_no_schedule():
    with pytest.raises(tg.UserError, match="more than the 2400000 images until 16x16"):
        ProGANSchedule(total_images=2_000_000, fade_images=400_000).phases(16)
    with pytest.raises(tg.UserError, match=r"batch_sizes\[8\]=0"):
        ProGANSchedule(batch_sizes={8: 0})
    with pytest.raises(tg.UserError, match="fade_images=0"):
        ProGANSchedule(fade_images=0)
