"""Write docs/decisions.md: what is recommended for each example scenario, why, and how sure that is.

Run it from a checkout after a change of a model or of prices: `python tools/tell_decisions.py`. It takes half an hour
of processor time, and keeps what it has after each example; names of examples as arguments tell those anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from costmodel.billing.charge import dollars
from costmodel.decision.break_even import BreakEven, break_even
from costmodel.decision.run import FinalistNote, Run
from costmodel.decision.simulate import simulate
from costmodel.export.break_even_chart import break_even_chart
from costmodel.export.decision_charts import front_chart, settling_chart
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import examples
from costmodel.scenario.load import load
from costmodel.scenario.model import Scenario

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "decisions.md"
FIGURES = "figures/decisions"
FEW, MANY = 256, 4_096
"""Draws that the choice is compared between. A choice that the tool calls a tie after the first needs no more."""
SHOWN_FINALISTS = 5

HEAD = """# Decisions

What the tool recommends for each example scenario, why, and how sure it is. `python tools/tell_decisions.py` writes
this page and its figures; nothing in it is written by hand. All figures are US dollars a calendar month at list
prices, without tax.
"""


PART = re.compile(r"^<!-- (.+) -->\n", re.MULTILINE)
"""Stands above the part of each example, with its name."""


def main(names: Sequence[str]) -> None:
    """Write the page and the figures, of all examples or of those named."""
    book = PriceBook.shipped()
    folder = PAGE.parent / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    paths = {example.path.stem: example.path for example in examples()}
    parts = parts_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    for name in names or paths:
        print(name, flush=True)
        parts[name] = part(name, load(paths[name]), book, folder)
        PAGE.write_text(page(parts, list(paths)), encoding="utf-8")


def parts_of(page: str) -> dict[str, str]:
    """The parts of a page by their examples' names."""
    _, *found = PART.split(page)
    return dict(zip(found[::2], found[1::2], strict=True))


def page(parts: Mapping[str, str], order: Sequence[str]) -> str:
    """The page from its parts, those of examples that are no more left out."""
    return HEAD + "".join(f"\n<!-- {name} -->\n{parts[name].strip()}\n" for name in order if name in parts)


def part(name: str, scenario: Scenario, book: PriceBook, folder: Path) -> str:
    """One example's part of the page; its figures are written to the folder."""
    run = simulate(scenario, book, draws=FEW)
    more = None if any(note.tied for note in run.finalists) else simulate(scenario, book, draws=MANY)
    found = break_even(scenario, book)
    (folder / f"{name}-front.svg").write_bytes(front_chart(run, "svg"))
    (folder / f"{name}-draws.svg").write_bytes(settling_chart(more or run, "svg"))
    if found:
        (folder / f"{name}-break-even.svg").write_bytes(break_even_chart(found, "svg"))
    return "\n".join(told(name, run, more, found))


def told(name: str, run: Run, more: Run | None, found: Iterable[BreakEven]) -> Iterator[str]:
    """What the part of an example says, by line."""
    yield f"## {run.scenario_name}\n"
    yield f"{run.scenario['story'].strip()}\n"
    yield f"**{run.headline}**\n"
    yield f"![{run.scenario_name}: the front]({FIGURES}/{name}-front.svg)\n"
    yield from _front(run)
    yield from _finalists(run)
    yield _stable(run, more)
    yield f"![{run.scenario_name}: draws]({FIGURES}/{name}-draws.svg)\n"
    sentences = [sentence for pair in found for sentence in pair.sentences]
    if sentences:
        yield "Where the choice would change:\n"
        yield from (f"- {sentence}" for sentence in sentences)
        yield f"\n![{run.scenario_name}: break-even points]({FIGURES}/{name}-break-even.svg)\n"
    yield from _drivers(run)


def _front(run: Run) -> Iterator[str]:
    yield f"Nothing else betters these {len(run.front)} in cost, latency, availability and carbon at once; the cheapest and the fastest:\n"
    yield "| stack | USD a month | p99, ms | availability |"
    yield "| --- | ---: | ---: | ---: |"
    ends = (
        min(run.front, key=lambda one: one.compared_monthly_usd),
        min(run.front, key=lambda one: one.api_p99_ms),
    )
    for member in dict.fromkeys(ends):
        stack = " · ".join((member.compute, member.database, member.delivery))
        yield f"| {stack} | {dollars(member.compared_monthly_usd)} | {member.api_p99_ms:,.0f} | {member.availability_ratio:.3%} |"
    yield ""


def _finalists(run: Run) -> Iterator[str]:
    yield f"In {run.cost_range.draws} draws of inputs and traffic:\n"
    yield "| finalist | mean | P10 | P90 | worst tenth | best in | regret | holds in |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    ranked = sorted(run.finalists, key=lambda note: (not note.chosen, -note.draws, note.mean_usd))
    for note in ranked[:SHOWN_FINALISTS]:
        yield f"| {_row(note)} |"
    yield ""


def _row(note: FinalistNote) -> str:
    kinds = " · ".join(kind.replace("_", " ") for kind in note.kinds)
    money = (dollars(usd) for usd in (note.mean_usd, note.p10_usd, note.p90_usd, note.cvar_usd))
    regret = "far" if note.regret_usd is None else dollars(note.regret_usd)
    best, holds = (note.share_words(ratio) for ratio in (note.best_ratio, note.holds_ratio))
    return " | ".join((kinds, *money, best, regret, holds))


def _stable(run: Run, more: Run | None) -> str:
    if more is None:
        return f"The tool calls it a tie after {FEW} draws.\n"
    words = "the same" if _chosen(run) == _chosen(more) else "ANOTHER"
    means = f"{dollars(run.cost_range.mean_usd)} and {dollars(more.cost_range.mean_usd)}"
    return f"With {MANY:,} draws instead of {FEW} the recommendation is {words}; the means are {means}.\n"


def _chosen(run: Run) -> str:
    return next(note.label for note in run.finalists if note.chosen)


def _drivers(run: Run) -> Iterator[str]:
    if not run.drivers:
        return
    yield "| uncertain input | at low | at high | explains | worth knowing |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for driver in run.drivers:
        ends = f"{dollars(driver.low_usd)} | {dollars(driver.high_usd)}"
        yield f"| `{driver.path}` | {ends} | {driver.explained_ratio:.0%} | {dollars(driver.measuring_usd)} |"
    yield ""


if __name__ == "__main__":
    main(sys.argv[1:])
