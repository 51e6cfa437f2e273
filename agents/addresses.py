"""Addresses of HTTP, as people give them."""

from urllib.parse import SplitResult, urlsplit


def split(url: str, schemes: tuple[str, ...] = ("http", "https")) -> SplitResult | None:
    """The parts of an address with one of these schemes, a host, and a port that there can be; None of any other.

    >>> split("http://[::1]:9093/path").hostname, split("grafana.example"), split("http://there:99999"), split("http://[")
    ('::1', None, None, None)
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and parts.hostname and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        return None
    return parts if usable else None
