from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import queueing, relational, volumes
from costmodel.capacity.database_classes import RDS_SIZES, classes_in_reach
from costmodel.capacity.failover import (
    AURORA_ALONE,
    AURORA_READER,
    RDS_ALONE,
    RDS_STANDBY,
    FailoverWindow,
    Outages,
    drawn_outages,
    outages,
)
from costmodel.capacity.instances import database_class
from costmodel.capacity.overload import Patience
from costmodel.capacity.queueing import grouped_latency
from costmodel.capacity.relational import (
    MOST_REPLICAS,
    NodeLoad,
    Served,
    StorageQueue,
    aurora_connections,
    check_replicas,
    connection_calls_per_minute,
    latencies,
    load_histogram,
    miss_ratio,
    per_minute,
    rds_connections,
    replica_lag_s,
    serve,
)
from costmodel.capacity.result import NO_LATENCY, Latency
from costmodel.capacity.volumes import (
    EBS_BURST,
    Bucket,
    IoPath,
    ebs_bucket,
    gp2_bucket,
    gp3_bucket,
    grow_storage,
)
from costmodel.demand.demand import Demand
from costmodel.scenario.model import Database
from shops.database import demand_of, shop, wave

DAY = 1_440
ONE = np.array([1.0])
IMPOSSIBLE = [-1.0, math.nan, math.inf, -math.inf]
POSTGRESQL_KB, MYSQL_KB = 8.0, 16.0


def at_a_time(
    calls: list[float], most: float | list[float], timeout_s: float = 10.0, **limits: object
) -> Served:
    """`serve` of lists; one pace may stand for all minutes."""
    paces = np.broadcast_to(np.asarray(most, dtype=float), (len(calls),))
    return serve(np.array(calls), paces, Patience(timeout_s), **limits)  # type: ignore[arg-type]


def one_io_a_call(*stages: Bucket) -> IoPath:
    return IoPath(np.ones(stages[0].steady_per_s.size), stages)


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()


class TestQueue:
    def test_calls_wait_as_long_as_the_client_does_and_the_rest_fails(self) -> None:
        """A node does 60 calls a minute; ten seconds of patience hold 10 of them.

        Minute 0: 75 come, 60 are done, 10 wait, 5 of 75 fail; the wait at the end is 10 s, on average 5 s.
        Minutes 1 and 2: 10 + 75, 60 done, 10 wait, 15 of 75 fail; the wait stays 10 s.
        Minute 3: 10 + 30 are done; the wait goes from 10 s to nothing.
        """
        served = at_a_time([75, 75, 75, 30], 60)
        assert served.lost_ratio.tolist() == pytest.approx([5 / 75, 0.2, 0.2, 0.0])
        assert served.delay_ms.tolist() == pytest.approx([5_000.0, 10_000.0, 10_000.0, 5_000.0])
        assert served.utilisation.tolist() == [1.0, 1.0, 1.0, 0.5]

    def test_a_patient_client_loses_nothing(self) -> None:
        """With 15 minutes of patience 900 may wait: 15 after minute 0, 30 after 1, none after minute 2.

        Mean waits: half of 15 s; half of 15 + 30 s; half of 30 s.
        """
        served = at_a_time([75, 75, 30], 60, 900.0)
        assert not served.lost_ratio.any()
        assert served.delay_ms.tolist() == pytest.approx([7_500.0, 22_500.0, 15_000.0])

    def test_the_pace_of_the_minute_counts(self) -> None:
        """60, then 10 a minute, a minute of patience. Minute 0: 100 come, 40 wait: half of 40 s.

        Minute 1: 40 + 30, 10 done, 60 left where 10 may wait. No more fail than came, 30, so 30 of those from
        before keep their turn. The mean wait is (40 + 30) / 2 / 10 = 3.5 minutes: too long for all who came.
        """
        served = at_a_time([100, 30], [60.0, 10.0], 60.0)
        assert served.lost_ratio.tolist() == [0.0, 1.0]
        assert served.delay_ms.tolist() == pytest.approx([20_000.0, 210_000.0])

    def test_a_node_that_keeps_up_delays_nobody(self) -> None:
        served = at_a_time([12, 60, 54, 0], 60)
        assert served.utilisation.tolist() == pytest.approx([0.2, 1.0, 0.9, 0.0])
        assert not served.delay_ms.any()
        assert not served.lost_ratio.any()

    def test_what_sets_no_pace_is_never_busy(self) -> None:
        down = outages(3, [1.0], [60.0])
        served = at_a_time([5, 5, 5], math.inf, gone=down)
        assert served.lost_ratio.tolist() == [0.0, 1.0, 0.0]
        assert not served.delay_ms.any()
        assert np.isfinite(served.utilisation).all()

    @pytest.mark.parametrize("wrong", IMPOSSIBLE)
    def test_impossible_calls_are_refused(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="calls must be finite"):
            at_a_time([1, wrong, 1], 60)

    @pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, -math.inf])
    def test_an_impossible_pace_is_refused(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="must be above 0"):
            at_a_time([1, 1], [60.0, wrong])

    @pytest.mark.parametrize("wrong", [0.0, *IMPOSSIBLE])
    def test_an_impossible_timeout_is_refused(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="must be above 0"):
            at_a_time([1, 1], 60, wrong)

    def test_results_cannot_be_changed(self) -> None:
        for served in (at_a_time([1, 1], 60), at_a_time([100, 1], 60)):
            for column in (served.utilisation, served.delay_ms, served.lost_ratio):
                with pytest.raises(ValueError, match="read-only"):
                    column[0] = 0.0


class TestBuckets:
    def test_gp3_has_the_lesser_of_its_iops_and_its_bytes_and_no_credits(self) -> None:
        # 125 MiB/s are 16 000 pages of 8 KB or 8 000 of 16 KB: 3 000 IOPS bind. 12 000 bind under 500 MiB/s,
        # which are 64 000 pages of 8 KB. 20 000 IOPS of 16 KB take 312.5 MiB/s, so 125 MiB/s bind at 8 000.
        small = gp3_bucket(np.array([3_000.0, 12_000.0]), np.array([125.0, 500.0]), POSTGRESQL_KB)
        assert small.steady_per_s.tolist() == small.burst_per_s.tolist() == [3_000.0, 12_000.0]
        assert not small.largest_credits.any()
        assert not small.refill_per_s.any()
        assert gp3_bucket(np.array([20_000.0]), np.array([125.0]), MYSQL_KB).steady_per_s[0] == 8_000.0

    def test_gp2_paces_follow_the_size(self) -> None:
        # 3 a GB: 20 GB would give 60, so 100; 500 GB 1 500; 1 000 GB 3 000, which no longer bursts; 6 000 GB
        # would give 18 000, so 16 000.
        sizes = np.array([20.0, 500.0, 1_000.0, 6_000.0])
        bucket = gp2_bucket(sizes, POSTGRESQL_KB)
        assert bucket.steady_per_s.tolist() == [100.0, 1_500.0, 3_000.0, 16_000.0]
        assert bucket.burst_per_s.tolist() == [3_000.0, 3_000.0, 3_000.0, 16_000.0]
        assert bucket.largest_credits.tolist() == [5_400_000.0, 5_400_000.0, 0.0, 0.0]
        assert bucket.refill_per_s.tolist() == [100.0, 1_500.0, 3_000.0, 16_000.0]

    def test_gp2_bytes_bind_large_pages(self) -> None:
        # 64 KB pages: 128 MiB/s carry 2 048 a second below 334 GB, 250 MiB/s carry 4 000 from there.
        bucket = gp2_bucket(np.array([333.0, 334.0, 2_000.0]), 64.0)
        assert bucket.burst_per_s.tolist() == [2_048.0, 3_000.0, 4_000.0]
        assert bucket.steady_per_s.tolist() == [999.0, 1_002.0, 4_000.0]

    @pytest.mark.parametrize(
        ("name", "page_kb", "steady", "burst"),
        [
            # 630 Mbps are 10 080 pages of 8 KB: 3 600 IOPS bind; 10 000 Mbps are 160 000: 40 000 bind.
            ("db.m7g.large", POSTGRESQL_KB, 3_600.0, 40_000.0),
            ("db.m7g.large", MYSQL_KB, 3_600.0, 40_000.0),
            ("db.m5.large", POSTGRESQL_KB, 3_600.0, 18_750.0),
            ("db.r6g.large", POSTGRESQL_KB, 3_600.0, 20_000.0),
            # 87 Mbps are 1 392 pages: 500 IOPS bind. The three small T sizes burst to 11 800.
            ("db.t4g.micro", POSTGRESQL_KB, 500.0, 11_800.0),
            ("db.t3.medium", POSTGRESQL_KB, 2_000.0, 11_800.0),
            # 695 Mbps of 16 KB are 5 560: 4 000 bind; 2 780 Mbps are 22 240: 15 700 bind.
            ("db.t4g.large", MYSQL_KB, 4_000.0, 15_700.0),
            # The largest sizes have more for ever than the small ones reach.
            ("db.m7g.16xlarge", POSTGRESQL_KB, 80_000.0, 80_000.0),
            ("db.m5.8xlarge", POSTGRESQL_KB, 30_000.0, 30_000.0),
        ],
    )
    def test_the_way_to_the_volumes(self, name: str, page_kb: float, steady: float, burst: float) -> None:
        """Credits are half an hour of what the burst adds, and a day earns them anew."""
        bucket = ebs_bucket(database_class(name), 2, page_kb)
        assert bucket.steady_per_s.tolist() == [steady] * 2
        assert bucket.burst_per_s.tolist() == [burst] * 2
        assert bucket.largest_credits.tolist() == [(burst - steady) * 1_800] * 2
        assert bucket.refill_per_s.tolist() == pytest.approx([(burst - steady) * 1_800 / 86_400] * 2)

    def test_megabits_bind_large_pages(self) -> None:
        # 64 KB: 630 Mbps are 78.75 MB/s or 1 260 pages, 10 000 Mbps 20 000.
        bucket = ebs_bucket(database_class("db.m7g.large"), 1, 64.0)
        assert (bucket.steady_per_s[0], bucket.burst_per_s[0]) == (1_260.0, 20_000.0)

    def test_every_class_on_sale_has_a_way_and_a_burst_no_slower(self) -> None:
        assert set(RDS_SIZES) <= set(EBS_BURST)
        for family, sizes in RDS_SIZES.items():
            for size in sizes:
                bucket = ebs_bucket(database_class(f"db.{family}.{size}"), 1, MYSQL_KB)
                assert 0 < bucket.steady_per_s[0] <= bucket.burst_per_s[0] < math.inf

    def test_the_tightest_stage_sets_the_pace_of_a_path(self) -> None:
        # A gp3 volume of 12 000 behind 3 600, or 40 000 while credits last: 2 I/O a call make 108 000 calls a
        # minute for ever and 360 000 at first.
        io = IoPath(
            np.array([2.0]),
            (
                gp3_bucket(np.array([12_000.0]), np.array([500.0]), POSTGRESQL_KB),
                ebs_bucket(database_class("db.m7g.large"), 1, POSTGRESQL_KB),
            ),
        )
        assert (io.steady_ios_per_s[0], io.burst_ios_per_s[0]) == (3_600.0, 12_000.0)
        assert (io.calls_per_minute[0], io.rested_calls_per_minute[0]) == (108_000.0, 360_000.0)

    def test_calls_without_io_are_not_held_up(self) -> None:
        free = IoPath(np.zeros(1), (gp3_bucket(np.array([3_000.0]), np.array([125.0]), POSTGRESQL_KB),))
        served = at_a_time([90, 30], 60, io=free)
        assert served.lost_ratio.tolist() == at_a_time([90, 30], 60).lost_ratio.tolist()


class TestIo:
    def test_gp2_runs_on_credit_and_then_at_its_pace(self, model_row: Callable[..., None]) -> None:
        """100 GB: 300 a second or 18 000 a minute, 180 000 a minute on credit, of which 162 000 are credits.

        5 400 000 credits last 33 minutes; 54 000 are left, so minute 33 passes 18 000 + 54 000 = 72 000 and
        the others 18 000. 180 000 come; ten seconds hold a sixth of a minute's pace.
        Minute 33: 108 000 left, 12 000 wait, 96 000 of 180 000 fail; the mean wait is half of 10 s.
        Minute 34: 12 000 + 180 000 - 18 000 = 174 000 left, 3 000 wait, 171 000 fail; (12 + 3) / 2 / 18 min.
        Minute 35: 3 000 + 180 000 - 18 000 = 165 000 left, 3 000 wait, 162 000 fail; 10 s.
        """
        volume = gp2_bucket(np.array([100.0]), POSTGRESQL_KB)
        served = at_a_time([180_000.0] * 36, 1e9, io=one_io_a_call(volume))
        assert served.lost_ratio.tolist() == pytest.approx([0.0] * 33 + [96 / 180, 0.95, 0.9])
        assert served.delay_ms.tolist() == pytest.approx([0.0] * 33 + [5_000.0, 25_000.0, 10_000.0])
        assert served.utilisation.tolist() == [1.0] * 36
        model_row(
            "RDS and Aurora",
            "gp2 volume: credits and pace",
            rule="3 I/O a second for each GiB, 3 000 on 5.4 million credits; what comes beyond waits, then fails",
            source="Amazon EBS User Guide, General Purpose SSD volumes (2023-06)",
            oracle="minute table worked by hand, 36 minutes",
            tolerance="1e-6",
            observed_error=float(np.abs(served.lost_ratio[33:] - [96 / 180, 0.95, 0.9]).max()),
        )

    def test_gp2_earns_what_it_does_not_use(self) -> None:
        """Emptied in 35 minutes as above, with a tenth of a second of patience: 30 calls may wait.

        Then 60 idle minutes: the first does the 30 that wait and earns 18 000 - 30, the others 18 000 each.
        With 1 079 970 credits, 180 000 a minute spend 162 000: six full minutes leave 107 970, the seventh
        passes 18 000 + 107 970 = 125 970, of which a 600th, 209.95, may wait; 54 030 - 209.95 fail.
        """
        volume = gp2_bucket(np.array([100.0]), POSTGRESQL_KB)
        calls = [180_000.0] * 35 + [0.0] * 60 + [180_000.0] * 7
        served = at_a_time(calls, 1e9, 0.1, io=one_io_a_call(volume))
        assert served.lost_ratio[95:].tolist() == pytest.approx([0.0] * 6 + [(54_030 - 209.95) / 180_000])

    def test_credits_never_exceed_the_bucket(self) -> None:
        """An idle day earns nothing on top: the full bucket lasts as long as at the start of the run."""
        volume = gp2_bucket(np.array([100.0, 100.0]), POSTGRESQL_KB)
        served = at_a_time([0.0] * DAY + [180_000.0] * 34, 1e9, io=one_io_a_call(volume))
        assert served.lost_ratio[DAY:].tolist() == pytest.approx([0.0] * 33 + [96 / 180])

    def test_what_a_smaller_bucket_does_not_hold_is_lost(self) -> None:
        """10 a second, 20 on credit: 600 credits on day 0, 60 on day 1, where the first minute has 60."""
        two_days = np.ones(2)
        bucket = Bucket(10 * two_days, 20 * two_days, np.array([600.0, 60.0]), 0 * two_days)
        served = at_a_time([0.0] * DAY + [660.0, 700.0], 1e9, 0.001, io=one_io_a_call(bucket))
        assert served.lost_ratio[DAY:].tolist() == pytest.approx([0.0, 100 / 700], abs=1e-4)

    def test_an_instance_bursts_for_half_an_hour_a_day(self, model_row: Callable[..., None]) -> None:
        """db.m7g.large: 216 000 a minute for ever, 2 400 000 on 65 520 000 credits: exactly thirty minutes.

        The volume lets all of it pass. From minute 30 on 216 000 of 2 400 000 are done. In minute 30 another
        sixth of that, 36 000, may wait: (2 400 - 216 - 36) / 2 400 = 0.895 fail; then 2 184 / 2 400 = 0.91.
        """
        wide = gp3_bucket(np.array([64_000.0]), np.array([4_000.0]), POSTGRESQL_KB)
        way = ebs_bucket(database_class("db.m7g.large"), 1, POSTGRESQL_KB)
        served = at_a_time([2_400_000.0] * 32, 1e9, io=one_io_a_call(wide, way))
        assert served.lost_ratio.tolist() == pytest.approx([0.0] * 30 + [0.895, 0.91])
        model_row(
            "RDS and Aurora",
            "EBS burst of an instance",
            rule="maximum performance for 30 minutes in 24 hours, then the baseline",
            source="Amazon EC2 User Guide, Amazon EBS-optimized instances (2023-06)",
            oracle="minute table worked by hand, 32 minutes",
            tolerance="1e-6",
            observed_error=float(np.abs(served.lost_ratio[30:] - [0.895, 0.91]).max()),
        )

    @pytest.mark.parametrize(("idle_minutes", "full_minutes"), [(DAY, 30), (DAY // 2, 15)])
    def test_half_an_hour_of_burst_comes_back_within_a_day(
        self, idle_minutes: int, full_minutes: int
    ) -> None:
        """Emptied in the first half hour, idle for 24 hours, and 30 minutes of full speed are there again.

        Each idle minute earns 65 520 000 / 1 440 = 45 500, so 12 hours earn half: 15 minutes.
        """
        calls = [2_400_000.0] * 30 + [0.0] * idle_minutes + [2_400_000.0] * (full_minutes + 1)
        way = ebs_bucket(database_class("db.m7g.large"), -(-len(calls) // DAY), POSTGRESQL_KB)
        lost = at_a_time(calls, 1e9, io=one_io_a_call(way)).lost_ratio
        assert np.abs(lost[:-1]).max() < 1e-9
        assert lost[-1] == pytest.approx(0.895)

    def test_a_volume_that_grows_gains_pace_and_loses_credits(self) -> None:
        """Day 0: 100 GB, 180 000 a minute on credit and then 18 000, of which 162 000 fail as above.

        Day 1: 1 000 GB, 180 000 a minute for ever and no credits, so that an idle hour leaves none for more:
        of 190 000 10 000 are left and may wait in the first minute, 20 000 in the second, 30 000 in the
        third and no more in the fourth, where 10 000 fail.
        """
        volume = gp2_bucket(np.array([100.0, 1_000.0]), POSTGRESQL_KB)
        calls = [180_000.0] * DAY + [0.0] * 60 + [190_000.0] * 4
        lost = at_a_time(calls, 1e9, io=one_io_a_call(volume)).lost_ratio
        assert lost[35:DAY].tolist() == pytest.approx([0.9] * (DAY - 35))
        assert lost[DAY:].tolist() == pytest.approx([0.0] * 63 + [10 / 190])

    def test_a_load_within_the_steady_pace_costs_no_credits_and_is_measured_as_any_other(self) -> None:
        """3 500 calls a second of one I/O: the way sustains 3 600 and passes 12 000 with the volume.

        A minute does up to 12 000 x 60, so 3 500 / 12 000 of it is in use, and whether some other minute is
        busier changes nothing about that.
        """
        io = one_io_a_call(
            gp3_bucket(np.array([12_000.0]), np.array([500.0]), POSTGRESQL_KB),
            ebs_bucket(database_class("db.m7g.large"), 1, POSTGRESQL_KB),
        )
        steady = at_a_time([210_000.0] * 9, 1e9, io=io)
        with_a_peak = at_a_time([210_000.0] * 9 + [700_000.0], 1e9, io=io)
        assert steady.utilisation.tolist() == pytest.approx([3_500 / 12_000] * 9)
        assert with_a_peak.utilisation[:9].tolist() == pytest.approx(steady.utilisation.tolist())


class TestOutages:
    def test_an_outage_takes_its_share_of_each_minute_and_leaves_a_cold_cache(self) -> None:
        """From 1.5, 90 s: half of minute 1 and all of minute 2. From 3.0 the cache warms up in ten minutes.

        A minute counts as cold as it is at its end: 3 - 2 x 1 / 10 = 2.8, 2.6, ... 1.2 after nine minutes.
        """
        down = outages(15, [1.5], [90.0])
        assert down.up_ratio.tolist() == [1.0, 0.5, 0.0] + [1.0] * 12
        assert down.io_factor.tolist() == pytest.approx(
            [1.0] * 3 + [2.8, 2.6, 2.4, 2.2, 2.0, 1.8, 1.6, 1.4, 1.2] + [1.0] * 3
        )
        assert down.minutes_lost == pytest.approx(1.5)

    def test_a_writer_that_is_back_within_the_minute_is_cold_in_it(self) -> None:
        # Back 30 s before the end of minute 0: 3 - 2 x 0.5 / 10 = 2.9.
        down = outages(2, [0.0], [30.0])
        assert down.up_ratio.tolist() == [0.5, 1.0]
        assert down.io_factor.tolist() == pytest.approx([2.9, 2.7])

    def test_what_falls_outside_the_run_is_cut(self) -> None:
        down = outages(4, [3.5, 9.0], [600.0, 60.0])
        assert down.up_ratio.tolist() == [1.0, 1.0, 1.0, 0.5]
        assert set(down.io_factor) == {1.0}
        assert outages(3, [], []).up_ratio.tolist() == [1.0] * 3

    def test_two_in_a_row_lose_the_sum_and_the_colder_cache_counts(self) -> None:
        # Ends at 1.0 and at 3.0: minute 1 is 2.8, minute 2 is lost (2.6 from the first), minute 3 is 2.8.
        down = outages(4, [0.0, 2.0], [60.0, 60.0])
        assert down.up_ratio.tolist() == [0.0, 1.0, 0.0, 1.0]
        assert down.io_factor.tolist() == pytest.approx([1.0, 2.8, 2.6, 2.8])

    def test_the_colder_cache_counts_whichever_outage_began_first(self) -> None:
        # Ends at 3.0 and, within it, at 1.5: minute 3 is 2.8 after the first and 2.5 after the second.
        down = outages(4, [0.0, 0.5], [180.0, 60.0])
        assert down.up_ratio.tolist() == [0.0, 0.0, 0.0, 1.0]
        assert down.io_factor[3] == pytest.approx(2.8)

    @pytest.mark.parametrize("wrong", IMPOSSIBLE)
    def test_impossible_outages_are_refused(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="finite starts and lengths"):
            outages(9, [1.0, wrong], [60.0, 60.0])
        with pytest.raises(ValueError, match="finite starts and lengths"):
            outages(9, [1.0, 2.0], [60.0, wrong])

    def test_calls_without_a_writer_fail_and_a_cold_cache_slows_the_rest(
        self, model_row: Callable[..., None]
    ) -> None:
        """3 000 I/O a second or 180 000 a minute, one a call; 90 000 calls a minute. Down from 1.5 to 3.0.

        Minute 1: half of the calls fail; the others meet half a minute's pace: 45 000 of 90 000 in use.
        Minute 2: all fail.
        Minute 3: 2.8 I/O a call make 64 285.7 calls. 25 714.3 are left; a sixth of the pace, 10 714.3, waits;
        15 000 of 90 000 fail; the mean wait is half of 10 s.
        Minute 4: 2.6 I/O make 69 230.8: 10 714.3 + 90 000 - 69 230.8 = 31 483.5 are left, 11 538.5 wait,
        19 945.1 fail.
        """
        volume = gp3_bucket(np.array([3_000.0]), np.array([125.0]), POSTGRESQL_KB)
        down = outages(5, [1.5], [90.0])
        served = at_a_time([90_000.0] * 5, 1e9, io=one_io_a_call(volume), gone=down)
        assert served.lost_ratio.tolist() == pytest.approx(
            [0.0, 0.5, 1.0, 15_000 / 90_000, 19_945.055 / 90_000]
        )
        assert served.utilisation.tolist() == pytest.approx([0.5, 0.5, 1.0, 1.0, 1.0])
        assert served.delay_ms[:4].tolist() == pytest.approx([0.0, 0.0, 0.0, 5_000.0])
        model_row(
            "RDS and Aurora",
            "Failover with a cold cache",
            rule="no writer, then up to 3 times the I/O of a call for 10 minutes",
            source="Amazon RDS User Guide, Multi-AZ DB instance deployments (2023-06); cold cache: engineering guess",
            oracle="minute table worked by hand, 5 minutes",
            tolerance="1e-6",
            observed_error=float(np.abs(served.lost_ratio[:4] - [0.0, 0.5, 1.0, 15_000 / 90_000]).max()),
        )

    def test_who_waits_when_the_writer_goes_is_served_when_it_is_back(self) -> None:
        """60 a minute, ten minutes of patience. Minute 0: 90 come, 30 wait. Minute 1: no writer, 10 fail.

        Minute 2: 30 + 20 are done. Waits: half of 30 s, then 30 s, then half of 30 s.
        """
        served = at_a_time([90, 10, 20], 60, 600.0, gone=outages(3, [1.0], [60.0]))
        assert served.lost_ratio.tolist() == [0.0, 1.0, 0.0]
        assert served.delay_ms.tolist() == pytest.approx([15_000.0, 30_000.0, 15_000.0])

    def test_failovers_are_drawn_at_their_rate_and_length(self) -> None:
        """A month with 3 650 failovers a year: 300 are expected, with a standard deviation of 17.3.

        Lengths are even between 60 and 120 s, 1.5 minutes on average: 450 minutes in all, give or take 27.
        """
        often = replace(RDS_STANDBY, per_year=3_650.0)
        down = drawn_outages(43_200, often, np.random.default_rng(7))
        assert down.minutes_lost == pytest.approx(450, abs=80)
        again = drawn_outages(43_200, often, np.random.default_rng(7))
        assert same_bits(down.up_ratio, again.up_ratio)
        other = drawn_outages(43_200, often, np.random.default_rng(8))
        assert not same_bits(down.up_ratio, other.up_ratio)
        never = replace(RDS_STANDBY, per_year=0.0)
        assert drawn_outages(DAY, never, np.random.default_rng(7)).minutes_lost == 0.0

    def test_a_month_rarely_has_a_failover(self) -> None:
        # 1.5 a year x 43 200 / 525 600 minutes = 0.123 in a month: exp(-0.123) = 88.4 % of months have none.
        generator = np.random.default_rng(11)
        quiet = [drawn_outages(43_200, AURORA_READER, generator).minutes_lost == 0.0 for _ in range(400)]
        assert np.mean(quiet) == pytest.approx(math.exp(-1.5 * 43_200 / 525_600), abs=0.05)

    def test_failover_windows_are_those_of_the_guides(self) -> None:
        windows: list[FailoverWindow] = [RDS_STANDBY, RDS_ALONE, AURORA_READER, AURORA_ALONE]
        assert [(w.shortest_s, w.longest_s) for w in windows] == [
            (60, 120),
            (600, 3_600),
            (20, 60),
            (120, 600),
        ]


@st.composite
def served_runs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Patience, IoPath | None, Outages | None]:
    """Calls, paces, a timeout, and perhaps I/O and outages, from minutes to days."""
    minutes = draw(st.sampled_from([1, 2, 40, DAY, DAY + 1, 2 * DAY + 3]))
    days = -(-minutes // DAY)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e4, 1e7]))
    calls = scale * generator.gamma(draw(st.sampled_from([0.05, 1.0, 50.0])), size=minutes)
    calls[generator.random(minutes) < draw(st.sampled_from([0.0, 0.5]))] = 0.0
    paces = scale * draw(st.sampled_from([0.3, 5.0, 100.0])) * generator.uniform(0.5, 1.5, minutes)
    io = None
    if draw(st.booleans()):
        volume = (
            gp2_bucket(np.sort(generator.uniform(20, 2_000, days)), draw(st.sampled_from([8.0, 16.0])))
            if draw(st.booleans())
            else gp3_bucket(generator.uniform(3e3, 6e4, days), generator.uniform(125, 4e3, days), 8.0)
        )
        name = draw(st.sampled_from(["db.t4g.micro", "db.m7g.large", "db.r6g.16xlarge"]))
        per_call = generator.uniform(0, 1, days) * draw(st.sampled_from([0.0, 1e-3, 1.0, 300.0]))
        io = IoPath(per_call, (volume, ebs_bucket(database_class(name), days, 8.0)))
    gone = None
    if draw(st.booleans()):
        starts = generator.uniform(0, minutes, draw(st.integers(0, 4)))
        gone = outages(minutes, starts, generator.uniform(0, 900, starts.size))
    patience = Patience(
        draw(st.sampled_from([0.1, 10.0, 900.0])),
        draw(st.integers(0, 3)),
        draw(st.sampled_from([0.0, 0.4, 1.0])),
    )
    return calls, paces, patience, io, gone


def kernel_arguments(
    calls: np.ndarray, paces: np.ndarray, patience: Patience, io: IoPath | None, gone: Outages | None
) -> tuple[object, ...]:
    """What `serve` hands to its kernel."""
    days = -(-calls.size // DAY)
    stages = np.zeros((0, 4, days))
    if io is not None:
        stages = np.array(
            [(s.steady_per_s, s.burst_per_s, s.largest_credits, s.refill_per_s) for s in io.stages]
        )
    down = gone or outages(calls.size, [], [])
    per_call = np.zeros(days) if io is None else io.ios_per_call
    clients = (patience.timeout_minutes, patience.retries, patience.abandoned_work_ratio)
    return calls, paces, *clients, per_call, stages, down.up_ratio, down.io_factor


@settings(max_examples=60, deadline=None)
@given(served_runs())
def test_compiled_serving_equals_plain_python_and_stays_within_bounds(
    run: tuple[np.ndarray, np.ndarray, Patience, IoPath | None, Outages | None],
) -> None:
    calls, _, patience, _, gone = run
    compiled = relational._serve(*kernel_arguments(*run))
    plain = relational._serve_python(*kernel_arguments(*run))  # type: ignore[arg-type]
    for one, other in zip(compiled, plain, strict=True):
        assert same_bits(one, other)
    served = serve(*run)
    for column in (served.utilisation, served.delay_ms, served.lost_ratio):
        assert np.isfinite(column).all()
        assert (column >= 0).all()
    assert (served.utilisation <= 1).all()
    assert (served.lost_ratio <= 1).all()
    if gone is not None and patience.retries == 0:
        assert (served.lost_ratio >= np.where(calls > 0, 1 - gone.up_ratio, 0.0) - 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(served_runs())
def test_the_short_way_of_a_node_that_keeps_up_is_the_long_way(
    run: tuple[np.ndarray, np.ndarray, Patience, IoPath | None, Outages | None],
) -> None:
    """A run without outages may be answered without its minutes; one with none that lasts never is."""
    calls, paces, patience, io, _ = run
    short = serve(calls, paces, patience, io)
    long = serve(calls, paces, patience, io, outages(calls.size, [], []))
    np.testing.assert_allclose(short.utilisation, long.utilisation, rtol=1e-12)
    np.testing.assert_allclose(short.delay_ms, long.delay_ms, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(short.lost_ratio, long.lost_ratio, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=100), st.floats(1e-3, 1e9), st.floats(0.1, 900))
def test_nobody_waits_longer_than_the_client_at_a_pace_that_stays(
    loads: list[float], most: float, timeout_s: float
) -> None:
    calls = most * np.array(loads)
    served = serve(calls, np.full(calls.size, most), Patience(timeout_s))
    assert (served.delay_ms <= timeout_s * 1_000 * (1 + 1e-9)).all()
    # What is not lost is done within the run and the patience after it.
    kept = float((calls * (1 - served.lost_ratio)).sum())
    assert kept <= most * (calls.size + timeout_s / 60) * (1 + 1e-9)


class TestReplicaLag:
    def test_it_grows_while_less_is_repeated_than_written_and_drains_after(
        self, model_row: Callable[..., None]
    ) -> None:
        """10 writes a minute, of which 5 are repeated: the oldest is half a minute older each minute.

        Minute 0: 5 of 10 done, the sixth came at 0.5: 30 s. Minute 1: the second came at 1.0: 60 s. Minute 2:
        half of minute 1's, from 1.5 to 3.0: 90 s. Minute 3 repeats 15: the 5 left of minute 1 and minute
        2's: 3.0 to 4.0, 60 s. Minute 4 repeats 25 of the 20 there are: nothing is left.
        """
        lag = replica_lag_s(np.full(5, 10.0), np.array([5.0, 5.0, 5.0, 15.0, 25.0]))
        assert lag.tolist() == pytest.approx([30.0, 60.0, 90.0, 60.0, 0.0])
        model_row(
            "RDS and Aurora",
            "Lag of a read replica",
            rule="writes are repeated in order with the CPU that reads leave",
            source="Amazon RDS User Guide, Working with DB instance read replicas (2023-06)",
            oracle="minute table worked by hand",
            tolerance="1e-6",
            observed_error=float(np.abs(lag - [30.0, 60.0, 90.0, 60.0, 0.0]).max()),
        )

    def test_a_write_that_waits_grows_older_though_nothing_follows_it(self) -> None:
        # 8 written in minute 0, 2 repeated a minute: the third came at 0.25, the fifth at 0.5, the seventh
        # at 0.75; minute 3 repeats the last two.
        lag = replica_lag_s(np.array([8.0, 0.0, 0.0, 0.0]), np.full(4, 2.0))
        assert lag.tolist() == pytest.approx([45.0, 90.0, 135.0, 0.0])

    def test_without_room_the_first_write_stays_the_oldest(self) -> None:
        lag = replica_lag_s(np.array([0.0, 6.0, 0.0, 6.0]), np.zeros(4))
        assert lag.tolist() == [0.0, 60.0, 120.0, 180.0]

    def test_a_replica_with_room_is_never_behind(self) -> None:
        assert not replica_lag_s(np.array([1.0, 5.0, 0.0]), np.array([1.0, 9.0, 0.0])).any()

    @pytest.mark.parametrize("wrong", IMPOSSIBLE)
    def test_impossible_writes_are_refused(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="writes must be finite"):
            replica_lag_s(np.array([1.0, wrong]), np.ones(2))
        with pytest.raises(ValueError, match="writes must be finite"):
            replica_lag_s(np.ones(2), np.array([1.0, wrong]))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(0, 1e12)), min_size=1, max_size=200))
    def test_compiled_lag_equals_plain_python(self, minutes: list[tuple[float, float]]) -> None:
        writes, room = (np.array(column) for column in zip(*minutes, strict=True))
        assert same_bits(relational._replica_lag(writes, room), relational._replica_lag_python(writes, room))
        lag = replica_lag_s(writes, room)
        assert same_bits(np.asarray(lag), relational._replica_lag_python(writes, room))
        assert np.isfinite(lag).all()
        assert (lag >= 0).all()
        assert (lag <= 60.0 * np.arange(1, lag.size + 1)).all()
        # It falls behind by at most the minute that has passed.
        assert (np.diff(lag) <= 60.0 + 1e-6).all()


class TestStorageGrowth:
    def test_the_largest_of_ten_gib_a_tenth_and_seven_hours_of_growth(
        self, model_row: Callable[..., None]
    ) -> None:
        """Day 0 fits with a tenth free, so nothing happens; day 1 leaves less.

        50 GB with 46: 4 free of 5. 10 GiB are more than a tenth and than 1 / 24 x 7: 60.
        500 GB with 451: 49 free of 50. A tenth, 50, is more than 10: 550.
        1 000 GB with 1 000 - 90 = 910, after 310: 600 a day are 175 in seven hours, more than 100: 1 175.
        333 GB with 300: 33 free of 33.3. A tenth, 33.3, in whole GiB is 34: 367.
        """
        for stored, allocated, grown in (
            ([45.0, 46.0], 50.0, 60.0),
            ([450.0, 451.0], 500.0, 550.0),
            ([310.0, 910.0], 1_000.0, 1_175.0),
            ([299.0, 300.0], 333.0, 367.0),
        ):
            made = grow_storage(np.array(stored), allocated, 1e5)
            assert made.allocated_gb.tolist() == [allocated, grown]
            assert not made.full_ratio.any()
        model_row(
            "RDS and Aurora",
            "Storage autoscaling",
            rule="below 10 % free for 5 minutes and 6 hours after the last: the largest of 10 GiB, 10 % and 7 hours of growth",
            source="Amazon RDS User Guide, storage autoscaling (2023-06)",
            oracle="four volumes worked by hand",
            tolerance="exact",
            observed_error=0.0,
        )

    def test_a_tenth_free_is_enough(self) -> None:
        made = grow_storage(np.array([90.0, 90.0]), 100.0, 1_000.0)
        assert made.allocated_gb.tolist() == [100.0, 100.0]

    def test_six_hours_lie_between_two_changes(self) -> None:
        """100 GB and 200 stored after 80: seven hours of 120 a day are 35 GB, more than a tenth each time.

        After five minutes 135, six hours later 170, then 205, which leaves 5 of 20.5, then 240 with 40 free.
        The data does not fit before 205: for 12 hours and 5 minutes, 145 of 288 steps of five minutes.
        """
        made = grow_storage(np.array([80.0, 200.0]), 100.0, 1_000.0)
        assert made.allocated_gb.tolist() == [100.0, 240.0]
        assert made.full_ratio.tolist() == pytest.approx([0.0, 145 / 288])

    def test_a_day_holds_four_changes_and_the_next_goes_on(self) -> None:
        """20 GB with 60 stored on the first day, of which no forecast is known: 30, 40, 50, 60 GB in a day.

        60 GB leave nothing free: 70 on the second day, with 10 free where 7 are enough. Full until the fourth
        change, after 18 hours and 5 minutes: 217 of 288 steps.
        """
        made = grow_storage(np.array([60.0, 60.0, 60.0]), 20.0, 1_000.0)
        assert made.allocated_gb.tolist() == [60.0, 70.0, 70.0]
        assert made.full_ratio.tolist() == pytest.approx([217 / 288, 0.0, 0.0])

    def test_it_stops_at_the_ceiling_and_stands_still_when_full(self) -> None:
        """Up to 105 GB: 91 stored take it there instead of to 110. 106 never fit."""
        made = grow_storage(np.array([91.0, 106.0, 50.0]), 100.0, 105.0)
        assert made.allocated_gb.tolist() == [105.0, 105.0, 105.0]
        assert made.full_ratio.tolist() == [0.0, 1.0, 0.0]

    def test_it_never_shrinks(self) -> None:
        made = grow_storage(np.array([95.0, 5.0, 0.0]), 100.0, 1_000.0)
        assert made.allocated_gb.tolist() == [110.0] * 3

    @pytest.mark.parametrize("wrong", IMPOSSIBLE)
    def test_impossible_data_is_refused(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="stored_gb must be finite"):
            grow_storage(np.array([10.0, wrong]), 100.0, 1_000.0)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(0, 1e5), min_size=1, max_size=8), st.floats(20, 65_536), st.floats(20, 65_536))
    def test_compiled_growth_equals_plain_python(
        self, stored_gb: list[float], allocated_gb: float, most_gb: float
    ) -> None:
        stored = np.array(stored_gb)
        compiled = volumes._grow_storage(stored, allocated_gb, most_gb)
        plain = volumes._grow_storage_python(stored, allocated_gb, most_gb)
        made = grow_storage(stored, allocated_gb, most_gb)
        for one, other, public in zip(compiled, plain, (made.allocated_gb, made.full_ratio), strict=True):
            assert same_bits(one, other)
            assert same_bits(one, np.asarray(public))
        assert (np.diff(made.allocated_gb, prepend=allocated_gb) >= 0).all()
        assert (made.allocated_gb <= max(allocated_gb, most_gb)).all()
        assert ((made.full_ratio >= 0) & (made.full_ratio <= 1)).all()


class TestHistogram:
    def test_minutes_meet_their_own_rate(self) -> None:
        # 100 minutes of 600 calls and 10 of 1 200 are far apart: 60 000 calls meet 10/s and 12 000 meet 20/s.
        calls = np.zeros(43_200)
        calls[:100] = 600.0
        calls[500:510] = 1_200.0
        found = load_histogram(demand_of(shop(), calls))
        assert found.requests.tolist() == [60_000.0, 12_000.0]
        assert found.rate_per_s.tolist() == pytest.approx([10.0, 20.0])

    def test_calls_that_share_a_bin_meet_the_mean_that_they_see(self) -> None:
        # Bins are 1 / 1 024 of the busiest minute, 102 400 calls: 100 each. 5 010 and 5 080 share one:
        # (5 010 x 83.5 + 5 080 x 84.666...) / 10 090 = 84.0873 calls a second.
        calls = np.zeros(43_200)
        calls[:3] = [5_010.0, 5_080.0, 102_400.0]
        found = load_histogram(demand_of(shop(), calls))
        assert found.requests.tolist() == [10_090.0, 102_400.0]
        assert found.rate_per_s[0] == pytest.approx((5_010**2 + 5_080**2) / 60 / 10_090)

    def test_a_silent_shop_has_no_bins(self) -> None:
        found = load_histogram(demand_of(shop(), 0.0))
        assert found.requests.size == found.rate_per_s.size == 0
        assert grouped_latency(found.requests, 2.0, found.rate_per_s, 1.0) == NO_LATENCY

    def test_it_holds_every_call(self) -> None:
        demand = demand_of(shop(), wave(60_000.0, seed=3))
        found = load_histogram(demand)
        assert found.requests.sum() == pytest.approx(demand.api_requests.sum(), rel=1e-12)
        total = (demand.api_requests**2).sum() / 60
        assert (found.requests * found.rate_per_s).sum() == pytest.approx(total, rel=1e-12)
        assert (np.diff(found.rate_per_s) > 0).all()

    def test_mean_waits_are_those_of_minute_by_minute(self, model_row: Callable[..., None]) -> None:
        """Waits of 2, 8 and 32 vCPUs whose busiest minute is up to 99.9 % busy, against every minute's own.

        Cases in which calls wait less than a millionth of their service are left out: nobody waits.
        """
        worst = 0.0
        for seed in range(3):
            demand = demand_of(shop(), wave(60_000.0, seed=seed))
            for servers in (2, 8, 32):
                for busiest in (0.3, 0.8, 0.95, 0.99, 0.999):
                    exact, grouped = mean_waits(demand, servers, busiest)
                    if exact > 1e-6:
                        worst = max(worst, abs(grouped / exact - 1))
        assert 0 < worst < 1e-3
        model_row(
            "RDS and Aurora",
            "load histogram",
            rule="a month's minutes in 1 024 bins of load, each at the mean its calls meet",
            source="own",
            oracle="M/M/c minute by minute, 2 to 32 vCPUs, busiest minute 30 to 99.9 % busy, three months",
            tolerance="mean wait 1e-3",
            observed_error=worst,
        )

    def test_a_crowd_within_one_bin_of_the_busiest_minute(self) -> None:
        """All minutes are between 0.99 x 1 023 / 1 024 and 0.99 busy: the worst that one bin can hold.

        The wait grows as 1 / (1 - u). Evenly spread over d = 0.99 / 1 024 around 1 - u = 0.0105 its mean is
        higher than at the middle by (d / 0.0105)^2 / 12 = 7.1e-4.
        """
        calls = np.linspace(1_023 / 1_024 + 1e-9, 1.0, 43_200) * 1e6
        demand = demand_of(shop(), calls)
        assert load_histogram(demand).requests.size == 1
        exact, grouped = mean_waits(demand, 1, 0.99)
        assert 1 - grouped / exact == pytest.approx(7.1e-4, rel=0.02)


def mean_waits(demand: Demand, servers: int, busiest: float) -> tuple[float, float]:
    """Mean wait of a call in service times, minute by minute and by the histogram."""
    rates, found = demand.api_requests / 60, load_histogram(demand)
    service_s = busiest * servers / rates.max()
    loads = rates * service_s
    waiting = queueing._wait_probabilities(np.full(loads.size, float(servers)), loads)
    exact = np.average(waiting / (servers - loads), weights=demand.api_requests)
    grouped = grouped_latency(found.requests, float(servers), found.rate_per_s * service_s, 1.0)
    return float(exact), grouped.mean_ms - 1.0


class TestConnections:
    def test_they_follow_the_published_formulas(self) -> None:
        # 8 GiB less 7.5 %: 7 945 689 497.6 bytes / 9 531 392 = 833.6; / 12 582 880 = 631.5
        assert rds_connections("postgresql", 8.0) == 833
        assert rds_connections("mysql", 8.0) == 631
        assert rds_connections("postgresql", 512.0) == 5_000
        assert [aurora_connections("mysql", gib) for gib in (1, 4, 16, 32, 48, 512)] == [
            45,
            90,
            1_000,
            2_000,
            2_000,
            5_000,
        ]

    def test_a_call_holds_one_while_its_operations_run(self) -> None:
        # 2 reads x 0.25 + 0.15 writes x 1.25 = 0.6875 ms of an m5 vCPU, on one twice as fast 0.34375 ms;
        # 2.15 round trips of 1 ms; 2 reads x 1 % + 0.15 commits of 1 ms I/O: 0.17. In all 2.66375 ms.
        # A thousand connections carry 1 000 x 60 000 / 2.66375 = 22.5 million calls a minute.
        load = NodeLoad(2.0, 0.15)
        most = connection_calls_per_minute(1_000.0, (load, None), Database(), 2.0)
        assert most == pytest.approx(1_000 * 60_000 / 2.66375)

    def test_the_busiest_node_binds(self) -> None:
        # The reader's calls take 3 x 0.25 + 3 + 0.03 = 3.78 ms, the writer's 1.25 + 1 + 1 = 3.25 ms.
        loads = (NodeLoad(0.0, 1.0), NodeLoad(3.0, 0.0))
        assert connection_calls_per_minute(100.0, loads, Database(), 1.0) == pytest.approx(6_000_000 / 3.78)

    def test_calls_that_ask_for_nothing_are_not_bound(self) -> None:
        nothing = NodeLoad(0.0, 0.0)
        assert connection_calls_per_minute(100.0, (nothing, None), Database(), 1.0) == math.inf

    @pytest.mark.parametrize("count", [-1, MOST_REPLICAS + 1])
    def test_replicas_that_aws_does_not_make_are_refused(self, count: int) -> None:
        check_replicas(0, "readers")
        check_replicas(MOST_REPLICAS, "readers")
        with pytest.raises(ValueError, match=f"readers must be from 0 to 15 .* not {count}"):
            check_replicas(count, "readers")


class TestLatencies:
    WORK = Database()

    def test_io_queues_as_one_server(self) -> None:
        # 4 reads x 0.5 + 1 write x 2.1 = 4.1 I/O of 2 000 a second: 2.05 ms. At 100 calls a second it is
        # 100 x 4.1 / 2 000 = 20.5 % busy: M/M/1 takes 2.05 / 0.795 = 2.5786 ms, exponential, so that the
        # 99th percentile is ln 100 times the mean.
        queue, load, nothing = (
            StorageQueue(2_000.0, np.array([100.0])),
            NodeLoad(4.0, 1.0),
            NodeLoad(0.0, 0.0),
        )
        latency = queue.latency(np.array([6_000.0]), load, load, self.WORK, 0.5)
        mean_ms = 2.05 / (1 - 0.205)
        assert latency.mean_ms == pytest.approx(mean_ms)
        assert latency.p50_ms == pytest.approx(math.log(2) * mean_ms, rel=1e-5)
        assert latency.p99_ms == pytest.approx(math.log(100) * mean_ms, rel=1e-5)
        assert queue.latency(np.array([6_000.0]), load, nothing, self.WORK, 0.5) == NO_LATENCY

    def test_a_call_visits_cpu_network_and_storage_of_each_node(self) -> None:
        """Writer: 1 read and 1 write, reader: 2 reads on each of two; speed 1, one read in ten misses.

        Writer: CPU 0.25 + 1.25 = 1.5 ms, half busy: 3 ms. Network 2 ms; 0.1 + 1 I/O of 1 ms. In all 6.1.
        Readers: 4 reads of 0.25 = 1 ms, a quarter busy: 1.3333; 4 ms of network; 0.4 of I/O. In all 5.7333.
        """
        loads = (NodeLoad(1.0, 1.0), NodeLoad(2.0, 1.0))
        at_writer, at_reader = self.of(loads)
        assert at_writer.mean_ms == pytest.approx(6.1)
        assert at_reader is not None
        assert at_reader.mean_ms == pytest.approx(4 / 3 + 4.4)

    def test_storage_adds_its_queue_to_each_node_and_nobody_waits_for_a_reader_to_repeat_writes(self) -> None:
        """1 000 I/O a second, 100 calls a second.

        Writer: 0.1 + 2.1 = 2.2 I/O, 22 % busy: 2.2 / 0.78 ms. Each reader: 2 x 0.1 + 2.1 = 2.3, as it
        repeats the write, so 23 % busy. The call waits for its 4 reads only, 0.4 I/O: 0.4 / 0.77 ms.
        """
        loads = (NodeLoad(1.0, 1.0), NodeLoad(2.0, 1.0))
        at_writer, at_reader = self.of(loads, StorageQueue(1_000.0, np.array([100.0])))
        assert at_reader is not None
        assert at_writer.mean_ms == pytest.approx(6.1 + 2.2 / 0.78)
        assert at_reader.mean_ms == pytest.approx(4 / 3 + 4.4 + 0.4 / 0.77)

    def test_a_node_without_cpu_work_takes_its_fixed_time(self) -> None:
        free = self.WORK.model_copy(update={"read_cpu_ms": 0.0})
        at_writer, at_reader = latencies(
            np.array([6_000.0]),
            1.0,
            (NodeLoad(2.0, 0.0), None),
            (np.zeros(1), np.zeros(1)),
            free,
            speed=1.0,
            missed_ratio=0.25,
            readers=0,
            backlog_delay_ms=None,
        )
        # Two round trips of 1 ms and half a missing page: 2.5 ms.
        assert at_writer == Latency(2.5, 2.5, 2.5, 2.5)
        assert at_reader is None

    def of(
        self, loads: tuple[NodeLoad, NodeLoad | None], storage: StorageQueue | None = None
    ) -> tuple[Latency, Latency | None]:
        return latencies(
            np.array([6_000.0]),
            1.0,
            loads,
            (np.array([0.5]), np.array([0.25])),
            self.WORK,
            speed=1.0,
            missed_ratio=0.1,
            readers=2,
            backlog_delay_ms=None,
            storage=storage,
        )


def test_what_does_not_fit_memory_misses() -> None:
    work = Database(working_set_ratio=0.1)
    # 100 GB hold a working set of 10; 8 GiB cache 6 of it: 40 % miss, and 1 % of the other reads.
    assert miss_ratio(np.array([100.0]), 8.0, work)[0] == pytest.approx(1 - 0.6 * 0.99)
    assert miss_ratio(np.array([50.0]), 8.0, work)[0] == pytest.approx(0.01)


def test_days_are_repeated_for_their_minutes() -> None:
    spread = per_minute(np.array([1.0, 2.0]))
    assert spread.tolist() == [1.0] * DAY + [2.0] * DAY


def test_classes_are_near_the_need() -> None:
    names = [
        c.name
        for c in classes_in_reach(("m7g", "r7g"), RDS_SIZES, peak_units=4.0, mean_units=2.0, memory_gib=20.0)
    ]
    # 4 / 0.8 = 5 m5 vCPUs: xlarge has 4 x 1.45 = 5.8. m7g.xlarge caches in 16 GiB, so 2xlarge too;
    # r7g.xlarge has 32 GiB, and the next size is within four times the need.
    assert names == ["db.m7g.xlarge", "db.m7g.2xlarge", "db.r7g.xlarge", "db.r7g.2xlarge"]


def test_a_burstable_class_must_carry_the_mean_at_its_baseline() -> None:
    # Every small t4g has 2 vCPU (2.3 units), but medium sustains 20 % and large 30 % of them.
    found = classes_in_reach(("t4g",), RDS_SIZES, peak_units=1.0, mean_units=0.5, memory_gib=1.0)
    assert found[0].name == "db.t4g.large"


def test_a_load_beyond_every_class_gets_the_largest() -> None:
    found = classes_in_reach(("m7g",), RDS_SIZES, peak_units=1e6, mean_units=1e6, memory_gib=1.0)
    assert [c.name for c in found] == ["db.m7g.16xlarge"]
