"""What a marketplace is called on a page."""

from agents.phrases import shop_of


def shop(marketplace: str) -> str:
    """The shop's name, or the marketplace's id where it is none that is listed."""
    return shop_of(marketplace) or marketplace
