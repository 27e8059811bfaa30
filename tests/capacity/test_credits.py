from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from costmodel.capacity import credits
from costmodel.capacity.credits import lowest_cpu_credit_balance
from costmodel.capacity.instances import InstanceType, instance_type, instance_types

T3_LARGE = instance_type("t3.large")


def test_an_hour_at_full_speed_from_empty() -> None:
    # 2 vCPU x 60 minutes = 120 credits spent, 36 earned.
    assert lowest_cpu_credit_balance(T3_LARGE, np.ones(60)) == pytest.approx(-84.0)


def test_savings_pay_for_a_burst_later() -> None:
    # A day at 10 %: earns 24 x 36 = 864, spends 2 x 0.1 x 1440 = 288, keeps 576: 411 minutes of (2 - 0.6).
    saved = np.full(1440, 0.1)
    assert lowest_cpu_credit_balance(T3_LARGE, np.append(saved, np.ones(411))) == 0.0
    burst = lowest_cpu_credit_balance(T3_LARGE, np.append(saved, np.ones(420)))
    assert burst == pytest.approx(576 - 420 * 1.4)


def test_no_more_than_a_day_of_earning_is_kept() -> None:
    # Ten idle days still leave 864 credits: 620 minutes at full speed spend 868.
    idle = np.zeros(14_400)
    assert lowest_cpu_credit_balance(T3_LARGE, np.append(idle, np.ones(620))) == pytest.approx(864 - 868)


@pytest.mark.parametrize(
    "instance", instance_types(["t3", "t3a", "t4g", "db.t3", "db.t4g"]), ids=lambda i: i.name
)
def test_the_baseline_lasts_for_ever(instance: InstanceType) -> None:
    baseline = instance.cpu_baseline_ratio
    assert lowest_cpu_credit_balance(instance, np.full(3000, baseline)) == pytest.approx(0.0, abs=1e-9)
    assert lowest_cpu_credit_balance(instance, np.full(3000, baseline * 1.1)) < -5


def test_other_types_have_no_credits() -> None:
    with pytest.raises(ValueError, match=r"m5\.large has no CPU credits"):
        lowest_cpu_credit_balance(instance_type("m5.large"), np.ones(3))


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float64, st.integers(0, 300), elements=st.floats(0, 1)), st.sampled_from(instance_types(["t3"]))
)
def test_kernel_equals_its_twin(utilisation: np.ndarray, instance: InstanceType) -> None:
    vcpu, per_hour = float(instance.vcpu), instance.cpu_credits_per_hour
    twin = credits._lowest_balance_python(utilisation, vcpu, per_hour / 60, per_hour * 24)
    assert lowest_cpu_credit_balance(instance, utilisation) == twin


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, 200, elements=st.floats(0, 0.9)), st.floats(0, 0.1))
def test_more_work_never_leaves_more_credits(utilisation: np.ndarray, more: float) -> None:
    assert lowest_cpu_credit_balance(T3_LARGE, utilisation + more) <= lowest_cpu_credit_balance(
        T3_LARGE, utilisation
    )
