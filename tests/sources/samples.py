"""Invented reports in Amazon's forms: ids, names and amounts are nobody's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.zones import machine_zones
from schemas.policies import load_policies, shipped_policies
from streams.policies import PolicyBook
from streams.sources.accounts import SourceAccount
from streams.sources.findings import Mapped

SELLER, US, JAPAN = "A1SELLEREXAMPLE", "ATVPDKIKX0DER", "A1VC38T7YXB528"
_POLICIES = load_policies(shipped_policies())
BOOK = PolicyBook(_POLICIES, machine_zones(_POLICIES))

HEADER = (
    "Order ID", "Order date", "Return request date", "Return request status", "Amazon RMA ID", "Merchant RMA ID",
    "Label type", "Label cost", "Currency code", "Return carrier", "Tracking ID", "Label to be paid by", "A-to-Z Claim",
    "Is prime", "ASIN", "Merchant SKU", "Item Name", "Return quantity", "Return Reason", "In policy", "Return type",
    "Resolution", "Invoice number", "Return delivery date", "Order Amount", "Order quantity", "SafeT Action reason",
    "SafeT claim id", "SafeT claim state", "SafeT claim creation time", "SafeT claim reimbursement amount",
    "Refunded Amount",
)  # fmt: skip
LAMP = (
    "111-0000001-0000001", "01-Oct-2026", "09-Oct-2026", "Approved", "DEXAMPLERRMA", " ", "AmazonPrePaidLabel",
    "6.10", "USD",
    "USPS", "9400000000000000000001", "Seller", "N", "N", "B0EXAMPLE1", "SKU-RED-1", "Example lamp", "1",
    "CR-UNWANTED_ITEM", "Y", "C-Returns", "StandardRefund", " ", "16-Oct-2026", "39.99", "1", " ", " ", " ", " ",
    " ", " ",
)  # fmt: skip
CHAIR = (
    "111-0000002-0000002", "28-Sep-2026", "10-Oct-2026", "Approved", "DEXAMPLE2RRMA", " ", "AmazonPrePaidLabel", "7.25",
    "USD", "UPS", "1Z0000000000000002", "Customer", "N", "Y", "B0EXAMPLE2", "SKU-BLU-2", "Example chair", "1",
    "CR-DEFECTIVE", "Y", "C-Returns", "RefundAtFirstScan", " ", " ", "120.00", "1", "Item damaged",
    "12345-12345-1234567",
    "Approved", "20-Oct-2026 11:02:13", "60.00", "120.00",
)  # fmt: skip
RUG = (
    "111-0000003-0000003", "03-Oct-2026", "11-Oct-2026", "Pending", "DEXAMPLE3RRMA", " ", "AmazonUnPaidLabel", " ",
    "USD",
    " ", " ", "Customer", "N", "N", "B0EXAMPLE3", "SKU-GRN-3", "Example rug", "1", "CR-ORDERED_WRONG_ITEM", "N",
    "C-Returns",
    "StandardRefund", " ", " ", "59.00", "1", " ", " ", " ", " ", " ", " ",
)  # fmt: skip
ROWS = (LAMP, CHAIR, RUG)


def changed(row: Sequence[str], **cells: str) -> tuple[str, ...]:
    """A row with some cells replaced; `Return_delivery_date` stands for `Return delivery date`."""
    new = {name.replace("_", " "): text for name, text in cells.items()}
    assert set(new) <= set(HEADER), set(new) - set(HEADER)
    return tuple(new.get(name, text) for name, text in zip(HEADER, row, strict=True))


def tab_file(rows: Iterable[Sequence[str]] = ROWS, header: Sequence[str] = HEADER, line_end: str = "\n") -> str:
    """A tab file."""
    return "".join("\t".join(line) + line_end for line in (header, *rows))


XML = """<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">
 <Header><DocumentVersion>1.00</DocumentVersion></Header><MessageType>Returns-Report</MessageType>
 <Message>
  <return_details>
   <item_details><item_name>Example rug &amp; more</item_name><asin>B0EXAMPLE3</asin>
    <return_reason_code>CR-ORDERED_WRONG_ITEM</return_reason_code>
    <merchant_sku>SKU-GRN-3</merchant_sku><in_policy>N</in_policy><return_quantity>1</return_quantity>
    <resolution>StandardRefund</resolution><category>Home</category><refund_amount>0.00</refund_amount></item_details>
   <item_details><in_policy>N</in_policy><return_reason_code>CR-ORDERED_WRONG_ITEM</return_reason_code></item_details>
   <order_id>111-0000003-0000003</order_id><order_date>2026-10-03T00:00:00Z</order_date>
   <amazon_rma_id>DEXAMPLE3RRMA</amazon_rma_id>
   <return_request_date>2026-10-11T14:03:22Z</return_request_date><return_request_status>Pending</return_request_status>
   <a_to_z_claim>false</a_to_z_claim><is_prime>N</is_prime>
   <label_details><return_carrier/><currency_code>USD</currency_code><label_cost>0.00</label_cost>
    <label_type>AmazonUnPaidLabel</label_type></label_details>
   <label_to_be_paid_by>Customer</label_to_be_paid_by><return_type>C-Returns</return_type>
   <order_amount>59.00</order_amount><order_quantity>1</order_quantity>
  </return_details>
 </Message>
</AmazonEnvelope>
"""

SETTLEMENT_HEADER = (
    "settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount", "currency",
    "transaction-type", "order-id", "merchant-order-id", "adjustment-id", "shipment-id", "marketplace-name",
    "amount-type",
    "amount-description", "amount", "fulfillment-id", "posted-date", "posted-date-time", "order-item-code",
    "merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased", "promotion-id",
)  # fmt: skip


def settlement_line(**cells: str) -> tuple[str, ...]:
    """A row of a settlement; `order_id` stands for `order-id`, what is not said is blank."""
    said = {"settlement-id": "12345678901", **{name.replace("_", "-"): text for name, text in cells.items()}}
    assert set(said) <= set(SETTLEMENT_HEADER), set(said) - set(SETTLEMENT_HEADER)
    return tuple(said.get(name, "") for name in SETTLEMENT_HEADER)


SETTLEMENT_SUMMARY = settlement_line(
    settlement_start_date="2026-10-01 00:12:43 UTC",
    settlement_end_date="2026-10-31 00:12:43 UTC",
    deposit_date="2026-11-02 00:12:43 UTC",
    total_amount="1523.77",
    currency="USD",
)


def refund_line(order_id: str = "111-0000001-0000001", **cells: str) -> tuple[str, ...]:
    """The price row of a refund."""
    said = {
        "transaction_type": "Refund",
        "order_id": order_id,
        "merchant_order_id": order_id,
        "adjustment_id": "ADJ0000001",
        "marketplace_name": "Amazon.com",
        "amount_type": "ItemPrice",
        "amount_description": "Principal",
        "amount": "-39.99",
        "fulfillment_id": "MFN",
        "posted_date": "2026-10-18",
        "posted_date_time": "2026-10-18 09:22:10 UTC",
        "sku": "SKU-RED-1",
    }
    return settlement_line(**{**said, **cells})


FEE = refund_line(amount_type="ItemFees", amount_description="RefundCommission", amount="1.20")


def settlement_file(*rows: Sequence[str]) -> str:
    """A settlement: its summary, and these rows."""
    return tab_file((SETTLEMENT_SUMMARY, *rows), SETTLEMENT_HEADER)


def transaction(**changes: Any) -> dict[str, Any]:
    """A refund as the finances API gives it."""
    said: dict[str, Any] = json.loads("""
    {"sellingPartnerMetadata":{"sellingPartnerId":"A1SELLEREXAMPLE","accountType":"Standard Orders",
      "marketplaceId":"ATVPDKIKX0DER"},
     "relatedIdentifiers":[{"relatedIdentifierName":"ORDER_ID","relatedIdentifierValue":"111-0000001-0000001"},
      {"relatedIdentifierName":"REFUND_ID","relatedIdentifierValue":"amzn1:crow:EXAMPLE0001"}],
     "transactionType":"Refund","transactionId":"EXAMPLETXN0001","transactionStatus":"RELEASED",
     "description":"Refund Order","postedDate":"2026-10-18T09:22:10Z",
     "totalAmount":{"currencyAmount":-38.79,"currencyCode":"USD"},
     "marketplaceDetails":{"marketplaceId":"ATVPDKIKX0DER","marketplaceName":"Amazon.com"},
     "items":[{"description":"Example lamp","relatedIdentifiers":[
        {"itemRelatedIdentifierName":"ORDER_ADJUSTMENT_ITEM_ID","itemRelatedIdentifierValue":"000001"}],
       "totalAmount":{"currencyAmount":-38.79,"currencyCode":"USD"},
       "breakdowns":[
        {"breakdownType":"ProductCharges","breakdownAmount":{"currencyAmount":-39.99,"currencyCode":"USD"},"breakdowns":[]},
        {"breakdownType":"AmazonFees","breakdownAmount":{"currencyAmount":1.20,"currencyCode":"USD"},"breakdowns":[]}],
       "contexts":[{"contextType":"ProductContext","sku":"SKU-RED-1","asin":"B0EXAMPLE1","quantityShipped":1,
        "fulfillmentNetwork":"MFN"}]}],
     "breakdowns":[]}""")
    return {**said, **changes}


def fulfilment(
    orders: Any = 250, defects: Any = 1, begins: str = "2026-08-02T00:00Z", ends: str = "2026-09-30T23:59Z"
) -> Any:
    """One fulfilment's part of an order defect rate."""
    return {
        "reportingDateRange": {"reportingDateFrom": begins, "reportingDateTo": ends},
        "status": "GOOD",
        "targetValue": 0.01,
        "rate": 0.004,
        "orderCount": orders,
        "orderWithDefects": {"count": defects, "status": "GOOD"},
        "claims": {"count": defects, "status": "GOOD"},
    }


def performance(**parts: Any) -> dict[str, Any]:
    """A performance report of the United States with these fulfilments."""
    return {
        "accountStatuses": [{"marketplaceId": US, "status": "NORMAL"}],
        "performanceMetrics": [{"marketplaceId": US, "orderDefectRate": parts, "warningStates": []}],
    }


def account(marketplace: str = US, seller: str = SELLER) -> SourceAccount:
    """An account under the policies that are shipped."""
    calendar = BOOK.agreement(f"{seller}/{marketplace}").calendar
    assert calendar is not None
    return SourceAccount(seller, marketplace, calendar)


def said_in(mapped: Iterable[Mapped]) -> list[Any]:
    """All notifications of all entries."""
    return [said for entry in mapped for said in entry.notifications]


def reasons_in(mapped: Iterable[Mapped]) -> list[tuple[str, str]]:
    """All reasons of all entries, with the field to blame."""
    return [(one.reason, one.field) for entry in mapped for one in entry.left_out]


def pairs(row: Sequence[str], header: Sequence[str] = HEADER) -> list[tuple[str, str]]:
    """A row as a reader gives it."""
    return list(zip(header, row, strict=False))


def without(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A document without some of its members."""
    return {name: value for name, value in said.items() if name not in names}
