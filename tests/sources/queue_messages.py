"""Messages of Amazon's notification queue in their published forms, older and newer, with invented ids."""

from __future__ import annotations

from typing import Any

from tests.sources.samples import SELLER, US


def report_ready(kind: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """REPORT_PROCESSING_FINISHED; the report's id is its type, as the fake API has it."""
    said = {
        "sellerId": SELLER, "accountId": f"amzn1.merchant.o.{SELLER}", "reportId": kind, "reportType": kind,
        "processingStatus": "DONE", "reportDocumentId": "amzn1.spdoc.1.4.na.EXAMPLE", **changes,
    }  # fmt: skip
    return {
        "notificationVersion": "1.0",
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04",
        "eventTime": "2026-10-02T08:15:11.422Z",
        "payload": {"reportProcessingFinishedNotification": said},
        "notificationMetadata": {"notificationId": f"report-{number}", "publishTime": "2026-10-02T08:15:11.517Z"},
    }


def refund_posted(order: str = "111-0000001-0000001", number: int = 1, **changes: Any) -> dict[str, Any]:
    """TRANSACTION_UPDATE, with the names of the older types."""
    said = {
        "SellingPartnerMetadata": {"SellingPartnerId": SELLER, "MarketplaceId": US, "AccountType": "Standard Orders"},
        "RelatedIdentifiers": [
            {"RelatedIdentifierName": "EventGroupId", "RelatedIdentifierValue": "EXAMPLE"},
            {"RelatedIdentifierName": "OrderId", "RelatedIdentifierValue": order},
        ],
        "TransactionType": "Refund",
        "PostedDate": "2026-10-02T08:58:40Z",
        "TotalAmount": {"CurrencyAmount": -21.37, "CurrencyCode": "USD"},
        **changes,
    }
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "TRANSACTION_UPDATE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-10-02T09:00:00Z",
        "Payload": {"TransactionUpdateNotification": said},
        "NotificationMetadata": {"NotificationId": f"refund-{number}", "PublishTime": "2026-10-02T09:00:01Z"},
    }


def by_eventbridge(envelope: dict[str, Any]) -> dict[str, Any]:
    """The same, as EventBridge wraps it."""
    return {
        "version": "0", "id": "00000000-0000-4000-8000-000000000001", "detail-type": "TRANSACTION_UPDATE",
        "source": "aws.partner/sellingpartnerapi.amazon.com/EXAMPLE", "time": "2026-10-02T09:00:01Z",
        "detail": envelope,
    }  # fmt: skip
