"""Who is online from where: a simulated Internet of access networks, and the connections people have to it.

Everything here is our own invention: each country has a few networks of each kind, with AS numbers from the private
range (RFC 6996) and address blocks handed out by counting. IPv6 prefixes lie in 3fff::/20, reserved for documentation
(RFC 9637). The IPv4 blocks look like public ones and stand for nobody.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Literal

from msgspec import Struct

NetworkType = Literal["residential", "hosting", "mobile", "education", "corporate"]

COUNTRIES: tuple[tuple[str, float, float], ...] = (
    ("US", -4, 0.22), ("US", -7, 0.10), ("GB", 1, 0.08), ("DE", 2, 0.08), ("FR", 2, 0.06), ("IN", 5.5, 0.11),
    ("BR", -3, 0.06), ("JP", 9, 0.06), ("CA", -4, 0.04), ("NL", 2, 0.03), ("ES", 2, 0.03), ("PL", 2, 0.02),
    ("KR", 9, 0.03), ("MX", -6, 0.02), ("AU", 11, 0.02), ("NG", 1, 0.01), ("ID", 7, 0.02), ("SG", 8, 0.01),
)  # fmt: skip
"""Country, hours ahead of UTC in October, share of the customers."""

COUNTRY_WEIGHTS: tuple[float, ...] = tuple(accumulate(share for _, _, share in COUNTRIES))

NETWORKS_OF_A_KIND: dict[NetworkType, int] = {
    "residential": 5,
    "mobile": 3,
    "corporate": 6,
    "education": 4,
    "hosting": 3,
}
BLOCKS_OF_A_NETWORK = 8
IPV6_SHARE = 0.25
_FIRST_PRIVATE_ASN = 4_200_000_000
_FIRST_OCTETS = tuple(octet for octet in range(20, 220) if octet not in {100, 127, 169, 172, 192, 198, 203})


class Network(Struct, frozen=True):
    """An access network: its AS number, kind, country and /16 blocks ("a.b." each), and its IPv6 prefix."""

    asn: int
    kind: NetworkType
    country: str
    blocks: tuple[str, ...]
    ipv6: str


class Connection(Struct, frozen=True):
    """One way somebody comes online. A fixed `address`, or one of `prefixes` (/24s) with a new host each time."""

    network: Network
    address: str | None = None
    prefixes: tuple[str, ...] = ()

    def dial(self, random: Random) -> str:
        """The address that this session has."""
        if self.address is not None:
            return self.address
        return host(random, self.prefixes[int(random.random() * len(self.prefixes))])


def _networks() -> dict[tuple[int, NetworkType], tuple[Network, ...]]:
    """Every network of every country and kind, with addresses handed out by counting."""
    networks: dict[tuple[int, NetworkType], tuple[Network, ...]] = {}
    count = 0
    for place, (country, _, _) in enumerate(COUNTRIES):
        for kind, how_many in NETWORKS_OF_A_KIND.items():
            block = range(count * BLOCKS_OF_A_NETWORK, (count + how_many) * BLOCKS_OF_A_NETWORK)
            octets = [f"{_FIRST_OCTETS[at % len(_FIRST_OCTETS)]}.{at // len(_FIRST_OCTETS) * 7 % 256}." for at in block]
            networks[place, kind] = tuple(
                Network(
                    _FIRST_PRIVATE_ASN + count + at,
                    kind,
                    country,
                    tuple(octets[at * BLOCKS_OF_A_NETWORK : (at + 1) * BLOCKS_OF_A_NETWORK]),
                    f"3fff:{count + at:x}",
                )
                for at in range(how_many)
            )
            count += how_many
    return networks


NETWORKS = _networks()


def place_of(random: Random) -> int:
    """An index into `COUNTRIES`, by the customers' shares."""
    return min(bisect(COUNTRY_WEIGHTS, random.random() * COUNTRY_WEIGHTS[-1]), len(COUNTRIES) - 1)


def network_of(random: Random, place: int, kind: NetworkType) -> Network:
    """One of the networks of that kind in that country, the first ones being the larger."""
    networks: Sequence[Network] = NETWORKS[place, kind]
    return networks[int(random.random() ** 2 * len(networks))]


def subnet(random: Random, network: Network) -> str:
    """A /24 of the network, as "a.b.c."."""
    return f"{network.blocks[int(random.random() * len(network.blocks))]}{int(random.random() * 256)}."


def host(random: Random, prefix: str) -> str:
    """An address in the /24."""
    return f"{prefix}{1 + int(random.random() * 254)}"


def home_address(random: Random, network: Network) -> str:
    """A household's address: IPv4, or in one household of four IPv6 in a /48 of its own."""
    if random.random() < IPV6_SHARE:
        return f"{network.ipv6}:{random.getrandbits(16):x}:{random.getrandbits(8):x}::{random.getrandbits(16):x}"
    return host(random, subnet(random, network))
