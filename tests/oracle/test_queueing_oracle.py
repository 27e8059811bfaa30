"""Formulas against simulations of single events, seeded."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from costmodel.capacity.queueing import response_latency


def simulate_mmc(servers: int, load: float, customers: int, generator: np.random.Generator) -> np.ndarray:
    """Wait and service of every customer of one queue, service time 1, first come first served."""
    arrivals = np.cumsum(generator.exponential(1.0 / load, customers)).tolist()
    services = generator.exponential(1.0, customers).tolist()
    free_at = [0.0] * servers
    responses = np.empty(customers)
    for i, (arrival, service) in enumerate(zip(arrivals, services, strict=True)):
        done = max(arrival, free_at[0]) + service
        heapq.heapreplace(free_at, done)
        responses[i] = done - arrival
    return responses[customers // 10 :]


@pytest.mark.parametrize(
    ("servers", "utilisation", "tolerance"), [(1, 0.6, 0.03), (4, 0.8, 0.03), (32, 0.9, 0.02)]
)
def test_one_queue(servers: int, utilisation: float, tolerance: float) -> None:
    simulated = simulate_mmc(servers, servers * utilisation, 200_000, np.random.default_rng(20260801))
    one = np.ones(3)
    latency = response_latency(one, servers * one, servers * utilisation * one, 1.0)
    expected = [simulated.mean(), *np.quantile(simulated, [0.5, 0.95, 0.99])]
    found = [latency.mean_ms, latency.p50_ms, latency.p95_ms, latency.p99_ms]
    assert found == pytest.approx(expected, rel=tolerance)


def test_a_run_of_quiet_and_busy_minutes() -> None:
    generator = np.random.default_rng(7)
    kinds = [(2, 0.3, 60_000), (4, 0.7, 150_000), (8, 0.9, 150_000)]
    simulated = np.concatenate([simulate_mmc(c, c * rho, count, generator) for c, rho, count in kinds])
    servers, utilisation, requests = (np.array(column, dtype=float) for column in zip(*kinds, strict=True))
    latency = response_latency(requests, servers, servers * utilisation, 1.0)
    expected = [simulated.mean(), *np.quantile(simulated, [0.5, 0.95, 0.99])]
    found = [latency.mean_ms, latency.p50_ms, latency.p95_ms, latency.p99_ms]
    assert found == pytest.approx(expected, rel=0.04)
