"""Where a marketplace is: its shop's name, and its Seller Central.

Addresses: Selling Partner API, "Seller Central URLs" (those of Britain, France, Germany, Italy and Spain are one). An
account in a marketplace that is not listed has no link: a guess would lead somewhere else.
"""

from typing import Final

from streams.sources.marketplaces import ENDINGS

_EUROPE: Final = frozenset({"co.uk", "de", "fr", "it", "es"})
_ENDING_OF: Final = {marketplace: ending for ending, marketplace in ENDINGS.items()}


def shop(marketplace: str) -> str:
    """The shop's name, or the marketplace's id where it is none that is listed."""
    ending = _ENDING_OF.get(marketplace)
    return marketplace if ending is None else f"amazon.{ending}"


def order_page(marketplace: str, order_id: str) -> str:
    """Seller Central's page of an order; "" where there is none that is known."""
    ending = _ENDING_OF.get(marketplace)
    if ending is None or not order_id:
        return ""
    host = "sellercentral-europe.amazon.com" if ending in _EUROPE else f"sellercentral.amazon.{ending}"
    return f"https://{host}/orders-v3/order/{order_id}"
