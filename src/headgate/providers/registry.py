"""Who can be upstream: one row a provider. A new provider that needs no behaviour of its own is a new row in `majors`,
`vendors` or `hosts`."""

from headgate.providers.hosts import HOSTS
from headgate.providers.majors import MAJORS
from headgate.providers.provider import ModelRule, Provider
from headgate.providers.vendors import VENDORS

PROVIDERS: dict[str, Provider] = {row.name: row for row in (*MAJORS, *VENDORS, *HOSTS)}

__all__ = ["PROVIDERS", "ModelRule", "Provider"]
