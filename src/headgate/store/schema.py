"""Every table, once. `store/migrations` brings a database here step by step; a test holds the two against each other.

Amounts are nano-dollars, times are milliseconds since the epoch (UTC), both 64 bit. Rows that came from the
configuration file say so in `source`.
"""

from typing import Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# Who made a row. What the configuration file made, only the file changes.
Source = Literal["file", "console"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only counts up by itself in a column declared plainly INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")

# --- billing -------------------------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigId, primary_key=True),
    # wallet: a user's money. budget: what a key may still spend. allotment: a slice of either in one worker's hands.
    # The other kinds are the far side of the books and may go below zero: funding (money paid in), granted (budgets
    # given), revenue and spent (where charges go), shortfall (charges that no longer found their money).
    Column("kind", String(16), nullable=False),
    Column("balance_nano", BigInteger, nullable=False, server_default="0"),
    Column("of_account", BigInteger, ForeignKey("accounts.id")),
    Column("worker_id", String(32)),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("balance_nano >= 0 OR kind NOT IN ('wallet', 'budget', 'allotment')", name="not_below_zero"),
    UniqueConstraint("of_account", "worker_id"),
    Index(None, "worker_id"),
)

# The far side of the books exists once: one account a kind, with these ids, made by the first migration.
FUNDING_ACCOUNT = 1
GRANTED_ACCOUNT = 2
REVENUE_ACCOUNT = 3
SPENT_ACCOUNT = 4
SHORTFALL_ACCOUNT = 5
FAR_SIDE = {
    "funding": FUNDING_ACCOUNT,
    "granted": GRANTED_ACCOUNT,
    "revenue": REVENUE_ACCOUNT,
    "spent": SPENT_ACCOUNT,
    "shortfall": SHORTFALL_ACCOUNT,
}

transfers = Table(
    "transfers",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("debit_account", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("credit_account", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("amount_nano", BigInteger, nullable=False),
    # grant, allot, reclaim, settle, shortfall, refund, adjust
    Column("kind", String(16), nullable=False),
    Column("call_id", String(32)),
    Column("corrects", BigInteger, ForeignKey("transfers.id")),
    Column("note", Text),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("amount_nano > 0", name="positive"),
    UniqueConstraint("call_id", "kind", "debit_account"),
    Index(None, "debit_account", "created_at"),
    Index(None, "credit_account", "created_at"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("node", String(128), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

recalls = Table(
    "recalls",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    Column("asked_at", BigInteger, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("key_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger),
    Column("model", String(200), nullable=False),
    Column("upstream_model", String(200)),
    Column("operation", String(24), nullable=False),
    Column("ending", String(24), nullable=False),
    Column("status", Integer, nullable=False),
    Column("usage", Text, nullable=False),
    Column("charge_nano", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("overrun_nano", BigInteger, nullable=False, server_default="0"),
    Column("estimated", Boolean, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("first_byte_ms", Integer),
    # JSON: attempts that failed, dropped parameters and what else explains the call; absent for a plain one.
    Column("detail", Text),
    # The transfer that moved this charge together with others of the same worker, wallet and batch.
    Column("transfer_id", BigInteger),
    Index(None, "user_id", "started_at"),
    Index(None, "key_id", "started_at"),
    Index(None, "started_at"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("hour", BigInteger, primary_key=True),
    Column("user_id", BigInteger, primary_key=True),
    Column("key_id", BigInteger, primary_key=True),
    Column("channel_id", BigInteger, primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("charge_nano", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
)

prices = Table(
    "prices",
    metadata,
    Column("model", String(200), primary_key=True),
    Column("body", Text, nullable=False),
    Column("source", String(8), nullable=False),
)

# --- access --------------------------------------------------------------------------------------------------------

groups = Table(
    "groups",
    metadata,
    Column("name", String(64), primary_key=True),
    # Parts per million, so that prices stay integers: 1.0 is 1,000,000.
    Column("multiplier_ppm", BigInteger, nullable=False),
    Column("source", String(8), nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("group_name", String(64), nullable=False),
    Column("wallet_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("source", String(8), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    # The first and last characters, for people to recognise a key by.
    Column("hint", String(24), nullable=False),
    Column("group_name", String(64)),
    Column("models", Text),
    Column("addresses", Text),
    Column("budget_id", BigInteger, ForeignKey("accounts.id")),
    Column("expires_at", BigInteger),
    Column("enabled", Boolean, nullable=False),
    Column("source", String(8), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
)

# --- channels ------------------------------------------------------------------------------------------------------

channels = Table(
    "channels",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("provider", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    # JSON: base URL, models, model map, groups, time-outs, proxy, overrides.
    Column("settings", Text, nullable=False),
    Column("source", String(8), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("channel_id", BigInteger, ForeignKey("channels.id"), nullable=False),
    # AES-GCM: nonce and ciphertext; the associated data binds it to its channel.
    Column("secret", LargeBinary, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("reason", Text),
    Index(None, "channel_id"),
)

# Which channel and credential keep something by an id that a caller knows, and whose it is.
pins = Table(
    "pins",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("credential_id", BigInteger, nullable=False),
    Column("model", String(200), nullable=False),
    Column("upstream_model", String(200), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Index(None, "user_id", "made_at"),
    Index(None, "made_at"),
)

# --- store ---------------------------------------------------------------------------------------------------------

# What changed, in order, so that each worker can bring its snapshot up to date.
changes = Table(
    "changes",
    metadata,
    Column("id", BigId, primary_key=True),
    # key, user, group, channel, price
    Column("subject", String(16), nullable=False),
    Column("ref", BigInteger),
    Column("at", BigInteger, nullable=False),
)
