"""What reports and messages say alike to people, in three languages: rules, durations, where an order is. Pure.

Every table has every language. A name that no table knows is shown as it is.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import quote

from agents.subscriptions import Language
from schemas.codec import DAY_MS, HOUR_MS, MINUTE_MS
from streams.sources.marketplaces import ENDINGS

Words: TypeAlias = Mapping[str, Mapping[Language, str]]

RULE_NAMES: Final[Words] = {
    "sfp-refund": {
        "en": "refund, Seller Fulfilled Prime",
        "zh": "退款（卖家自配Prime）",
        "ja": "返金（マケプレプライム）",
    },
    "csba-jp-refund": {"en": "refund, CSBA Japan", "zh": "退款（日本CSBA）", "ja": "返金（CSBA）"},
    "mfn-refund": {"en": "refund, seller-fulfilled", "zh": "退款（自配送）", "ja": "返金（自社出荷）"},
    "buyer-message-reply": {"en": "answer to a buyer", "zh": "回复买家", "ja": "購入者への返信"},
    "cs-contact-reply": {
        "en": "answer to Amazon's customer service",
        "zh": "回复亚马逊客服",
        "ja": "Amazonカスタマーサービスへの返信",
    },
    "csba-inquiry-reply": {"en": "answer to CSBA", "zh": "回复CSBA", "ja": "CSBAへの返信"},
    "csba-reply": {"en": "CSBA's answer to a buyer", "zh": "CSBA回复买家", "ja": "CSBAから購入者への返信"},
    "csba-answer": {"en": "CSBA's answer to you", "zh": "CSBA对您的答复", "ja": "CSBAからの回答"},
    "return-response": {"en": "answer to a return request", "zh": "回应退货申请", "ja": "返品リクエストへの対応"},
    "a-to-z-evidence": {
        "en": "evidence in an A-to-z claim",
        "zh": "A-to-z索赔举证",
        "ja": "マケプレ保証申請への証拠提出",
    },
    "a-to-z-appeal": {"en": "appeal of an A-to-z claim", "zh": "A-to-z索赔申诉", "ja": "マケプレ保証申請の再審査"},
    "chargeback-answer": {"en": "answer to a chargeback", "zh": "回应信用卡拒付", "ja": "チャージバックへの回答"},
    "case-stalled": {"en": "support case without progress", "zh": "工单无进展", "ja": "進展のないケース"},
    "case-first-response": {
        "en": "first answer to a support case",
        "zh": "工单的首次回复",
        "ja": "ケースへの最初の回答",
    },
    "case-resolution": {"en": "solution of a support case", "zh": "工单的解决", "ja": "ケースの解決"},
    "safe-t-window": {"en": "SAFE-T claim", "zh": "SAFE-T索赔", "ja": "SAFE-T申請"},
}
UNITS: Final[Words] = {
    "day": {"en": "{n} d", "zh": "{n}天", "ja": "{n}日"},
    "hour": {"en": "{n} h", "zh": "{n}小时", "ja": "{n}時間"},
    "minute": {"en": "{n} min", "zh": "{n}分钟", "ja": "{n}分"},
    "second": {"en": "{n} s", "zh": "{n}秒", "ja": "{n}秒"},
}
_EUROPE: Final = frozenset({"co.uk", "de", "fr", "it", "es"})
_SHOPS: Final = {marketplace: ending for ending, marketplace in ENDINGS.items()}


def words_for(words: Words, name: str, language: Language) -> str:
    """What a name is called; a name that is not there is said as it is."""
    return words[name][language] if name in words else name


def order_link(marketplace_id: str, order_id: str) -> str:
    """The page of an order in Seller Central; empty where the marketplace or the order is not known.

    Addresses: Selling Partner API, "Seller Central URLs" (those of Britain, France, Germany, Italy and Spain are one).
    """
    ending = _SHOPS.get(marketplace_id)
    if ending is None or not order_id:
        return ""
    host = "sellercentral-europe.amazon.com" if ending in _EUROPE else f"sellercentral.amazon.{ending}"
    return f"https://{host}/orders-v3/order/{quote(order_id)}"


def duration(ms: int, language: Language) -> str:
    """A duration in its two largest units: `2 d 4 h`, `35 min`."""
    sizes = (("day", DAY_MS), ("hour", HOUR_MS), ("minute", MINUTE_MS), ("second", 1000))
    parts: list[str] = []
    for name, size in sizes:
        count, ms = divmod(ms, size)
        if count or (name == "second" and not parts):
            parts.append(words_for(UNITS, name, language).format(n=count))
        elif parts:
            break
        if len(parts) == 2:
            break
    return (" " if language == "en" else "").join(parts)


def shop_of(marketplace_id: str) -> str:
    """The shop of a marketplace, `amazon.co.jp`; empty where it is not known."""
    ending = _SHOPS.get(marketplace_id)
    return f"amazon.{ending}" if ending else ""


def page_link(form: str, clock_id: str) -> str:
    """The address of a clock's page by its form, with `{clock_id}` in it; empty where either is."""
    return form.replace("{clock_id}", quote(clock_id, safe="/")) if form and clock_id else ""
