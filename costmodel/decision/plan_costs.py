"""What charges cost with the plans bought for them: FOCUS's effective cost beside the billed one.

A plan is on no charge of its own. What it saves lowers the charges whose use it covers, its fee and what it does not
use up counted in, so that their effective costs add up to what the recommendation costs with its plans.
Source: FOCUS specification 1.2, EffectiveCost (2025-05): cost with prepayments and commitments spread over their use.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

from costmodel.billing.charge import EXACT, Charge, billed_by_price_usd
from costmodel.decision.plans import Portfolio
from costmodel.pricing.price_id import query_text


def effective_costs(charges: Sequence[Charge], portfolio: Portfolio, months: int) -> tuple[Decimal, ...]:
    """What each charge of a run costs with the plans, in order.

    What they save at a price is shared by what its charges cost; what floats rounded goes to the largest share,
    so that billed less effective costs are exactly `portfolio.saves_usd` times the months of the run.
    """
    billed = [charge.billed_cost for charge in charges]
    if not portfolio.purchases:
        return tuple(billed)
    at_price_usd = billed_by_price_usd(charges)
    saved = []
    for charge in charges:
        price = query_text(charge.sku_price_id)
        saved_usd = portfolio.saved_by_price_usd.get(price, 0.0)
        share = float(charge.billed_cost) / at_price_usd[price] if saved_usd else 0.0
        saved.append(Decimal(repr(saved_usd * share)))
    with localcontext(EXACT):
        rounded = portfolio.saves_usd * months - sum(saved, Decimal(0))
        largest = max(range(len(saved)), key=lambda place: abs(saved[place]))
        saved[largest] += rounded
        return tuple(cost - less for cost, less in zip(billed, saved, strict=True))
