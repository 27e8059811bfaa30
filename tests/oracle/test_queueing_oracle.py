"""Formulas against simulations of single events, seeded."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
import pytest

from costmodel.capacity.queueing import response_latency, wait_variability


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


def simulate_gmc(
    servers: int, load: float, arrival_scv: float, customers: int, generator: np.random.Generator
) -> np.ndarray:
    """As `simulate_mmc`, with gamma times between arrivals of this squared coefficient of variation."""
    gaps = generator.gamma(1.0 / arrival_scv, arrival_scv / load, customers)
    arrivals = np.cumsum(gaps).tolist()
    services = generator.exponential(1.0, customers).tolist()
    free_at = [0.0] * servers
    responses = np.empty(customers)
    for i, (arrival, service) in enumerate(zip(arrivals, services, strict=True)):
        done = max(arrival, free_at[0]) + service
        heapq.heapreplace(free_at, done)
        responses[i] = done - arrival
    return responses[customers // 10 :]


@pytest.mark.parametrize(
    ("servers", "utilisation", "arrival_scv", "tolerance"),
    [(1, 0.7, 4.0, 0.15), (4, 0.85, 4.0, 0.15), (16, 0.9, 4.0, 0.12), (4, 0.9, 0.25, 0.10)],
)
def test_bursty_arrivals(
    servers: int, utilisation: float, arrival_scv: float, tolerance: float, model_row: Callable[..., None]
) -> None:
    load = servers * utilisation
    simulated = simulate_gmc(servers, load, arrival_scv, 300_000, np.random.default_rng(31))
    one = np.ones(3)
    variability = wait_variability(arrival_scv, 1.0)
    latency = response_latency(one, servers * one, load * one, 1.0, variability=variability)
    expected = [simulated.mean(), *np.quantile(simulated, [0.95, 0.99])]
    found = [latency.mean_ms, latency.p95_ms, latency.p99_ms]
    assert found == pytest.approx(expected, rel=tolerance)
    model_row(
        "Queueing",
        "Waits behind bursty arrivals (G/G/c)",
        rule="Waits of M/M/c times the mean of both squared coefficients of variation",
        source="Allen, Probability, Statistics and Queueing Theory (1990)",
        oracle="300 000 customers one by one, gamma arrivals, 1 to 16 servers; mean, p95, p99",
        tolerance=f"{tolerance:.0%}",
        observed_error=max(abs(a / b - 1) for a, b in zip(found, expected, strict=True)),
    )


@pytest.mark.parametrize("service_scv", [0.0, 1.0, 4.0])
def test_uneven_service_on_one_server_waits_as_pollaczek_and_khinchine_say(service_scv: float) -> None:
    """M/G/1: the mean wait is rho / (1 - rho) x (1 + scv) / 2 service times, exactly."""
    one = np.ones(3)
    latency = response_latency(one, one, 0.8 * one, 1.0, variability=wait_variability(1.0, service_scv))
    assert latency.mean_ms == pytest.approx(1 + 0.8 / 0.2 * (1 + service_scv) / 2, rel=1e-9)
