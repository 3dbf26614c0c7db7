"""The set-up of a gateway that was started without a configuration file and without anything in its database: enough
to make a first call. It is a configuration file like any other: a real one, applied later, takes its place."""

from string import Template

from sqlalchemy import exists, select

from headgate.access.keys import NewKey, make_key
from headgate.billing.prices import parse_price
from headgate.config.apply import apply_config
from headgate.config.file import parse_config
from headgate.store.database import Database
from headgate.store.schema import channels, users
from headgate.store.secrets import Sealer

_FILE = Template(
    """
groups:
  default: {multiplier: 1.0}
channels:
  - name: sandbox
    provider: sandbox
    models: [sandbox, sandbox-mini, sandbox-thinking, sandbox-search]
prices:
  sandbox: {input: 2.5, cache_read: 1.25, output: 10, per_search: 0.01}
  sandbox-mini: {input: 0.15, cache_read: 0.075, output: 0.6, per_search: 0.01}
  sandbox-thinking: {input: 2.5, cache_read: 1.25, output: 10, per_search: 0.01}
  sandbox-search: {input: 2.5, cache_read: 1.25, output: 10, per_search: 0.01}
users:
  - {name: trial, balance_usd: 10, group: default}
keys:
  - {name: trial, user: trial, key: $key}
"""
)

MODELS = ("sandbox", "sandbox-mini", "sandbox-thinking", "sandbox-search")


async def set_up_trial(database: Database, sealer: Sealer, *, now_ms: int) -> NewKey | None:
    """Make the trial's user, key, channel and prices in a database that has no users and no channels; returns the key,
    whose text is known to nobody else, or None where there was something already.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    async with database.read() as conn:
        found = (await conn.execute(select(exists(select(users.c.id)), exists(select(channels.c.id))))).one()
    if any(found):
        return None
    key = make_key()
    config = parse_config(_FILE.substitute(key=key.text), "trial", environ={}, check_price=parse_price)
    await apply_config(config, database, sealer, now_ms=now_ms)
    return key
