"""A bill as FOCUS 1.2 rows.

Every amount is in US dollars, even where own rates state another currency: the billing currency is the
invoice's, and a rate that a file states is not what AWS will convert an invoice at. So pricing and billing
currency are one, and the PricingCurrency columns, which are for providers that tell the two apart, are absent.

Source: FinOps Open Cost and Usage Specification 1.2, Cost and Usage columns; Billing Currency, Pricing
Currency, Contracted Unit Price (2025-05).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from costmodel.billing.charge import Bill, Charge

FocusRow = dict[str, str | Decimal | bool | None]
"""Column name to value; None is null, times are ISO 8601 in UTC."""


def focus_rows(
    bill: Bill, *, scenario_name: str, run_id: str = "", billing_account_id: str = "forecast"
) -> list[FocusRow]:
    """One row per charge, in the order of the bill; every cost column sums to the bill's.

    The 21 mandatory columns come first, nulls included, then the conditional ones we can fill, then
    our own, which start with `x_`. A forecast has no account yet: `billing_account_id` names it.
    """
    return [
        _mandatory(charge, billing_account_id)
        | _conditional(charge)
        | _own(charge)
        | {"x_ScenarioName": scenario_name, "x_RunId": run_id, "x_Forecast": True}
        for charge in bill.charges
    ]


def _mandatory(charge: Charge, billing_account_id: str) -> FocusRow:
    start, end = _utc(charge.billing_period.start), _utc(charge.billing_period.end)
    return {
        "BilledCost": charge.billed_cost,
        "BillingAccountId": billing_account_id,
        "BillingAccountName": None,
        "BillingCurrency": "USD",
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": charge.charge_description,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ContractedCost": charge.contracted_cost,
        "EffectiveCost": charge.effective_cost,
        "InvoiceIssuerName": "AWS",
        "ListCost": charge.list_cost,
        "PricingQuantity": charge.pricing_quantity,
        "PricingUnit": charge.pricing_unit,
        "ProviderName": "AWS",
        "PublisherName": "AWS",
        "ServiceCategory": charge.service_category,
        "ServiceName": charge.service_name,
    }


def _conditional(charge: Charge) -> FocusRow:
    return {
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": charge.consumed_quantity,
        "ConsumedUnit": charge.consumed_unit,
        "ContractedUnitPrice": charge.contracted_unit_price,
        "ListUnitPrice": charge.list_unit_price,
        "PricingCategory": charge.pricing_category,
        "RegionId": charge.region_id,
        "ResourceName": charge.resource_name,
        "SkuMeter": charge.sku_meter,
        "SkuPriceId": charge.sku_price_id,
    }


def _own(charge: Charge) -> FocusRow:
    return {
        "x_TierBegin": charge.x_tier_begin,
        "x_Free": charge.x_free,
        "x_RateName": charge.x_rate_name or None,
        "x_PriceChange": charge.x_price_change or None,
        "x_Formula": charge.x_formula,
        "x_PriceSource": charge.x_price_source,
        "x_PriceAsOf": charge.x_price_as_of,
    }


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
