"""The money in one worker's hands: pure arithmetic, no clock, no database.

A purse is this worker's slice of one wallet or budget. Every nano-dollar in it is in exactly one of three states:

    available  may be held
    held       promised to calls that run
    owed       charged, and on its way to the books

The three together are what the database says this worker was allotted; a hold, a settlement and a release only move
money between them.
"""

from headgate.billing.amounts import MAX_NANO


class AlreadyClosed(Exception):
    """A hold was settled or released before; doing it again would be a second charge or a second refund."""


class Purse:
    """One worker's slice of one account. `low_nano` is the mark below which it should be filled up; `touched` says
    whether anybody held something since that was last reset."""

    __slots__ = ("account_id", "available_nano", "held_nano", "low_nano", "owed_nano", "touched")

    def __init__(self, account_id: int, available_nano: int = 0) -> None:
        self.account_id = account_id
        self.available_nano = available_nano
        self.held_nano = 0
        self.owed_nano = 0
        self.low_nano = 0
        self.touched = True

    def __repr__(self) -> str:
        return (
            f"Purse({self.account_id}: {self.available_nano} available, {self.held_nano} held, {self.owed_nano} owed)"
        )

    @property
    def total_nano(self) -> int:
        """What the database should say is allotted to this worker."""
        return self.available_nano + self.held_nano + self.owed_nano

    def put(self, amount_nano: int) -> None:
        """Money has come from the account."""
        self.available_nano += amount_nano

    def take(self, amount_nano: int) -> int:
        """Take out up to so much of what nobody holds, to give it back; returns how much it was."""
        taken = max(0, min(amount_nano, self.available_nano))
        self.available_nano -= taken
        return taken

    def posted(self, amount_nano: int) -> None:
        """So much of what was owed has reached the books."""
        self.owed_nano -= amount_nano

    def correct(self, total_nano: int) -> None:
        """The database says what was really allotted, after a transaction of unknown outcome. What is held and owed
        stays; what is missing beyond the available money is found when it is settled."""
        self.available_nano = max(0, self.available_nano + total_nano - self.total_nano)


class Hold:
    """Money set aside for one call: the same amount in each of its purses (the wallet's, and the budget's if there is
    one). Open until it is settled or released, once."""

    __slots__ = ("amount_nano", "open", "purses")

    def __init__(self, purses: tuple[Purse, ...], amount_nano: int) -> None:
        self.purses = purses
        self.amount_nano = amount_nano
        self.open = True

    def __repr__(self) -> str:
        return f"Hold({self.amount_nano} of {self.accounts}, {'open' if self.open else 'closed'})"

    @property
    def accounts(self) -> tuple[int, ...]:
        return tuple(purse.account_id for purse in self.purses)

    def extend(self, extra_nano: int) -> bool:
        """Hold more, if every purse has it. Returns False, and changes nothing, if not.

        Raises:
            AlreadyClosed: the hold is settled or released.
        """
        if not self.open:
            raise AlreadyClosed(str(self))
        if not _reserve(self.purses, extra_nano):
            return False
        self.amount_nano += extra_nano
        return True

    def affords_nano(self) -> int:
        """The most that could be charged now: what is held and what its purses still have."""
        return self.amount_nano + min((purse.available_nano for purse in self.purses), default=MAX_NANO)

    def release(self) -> None:
        """Give all of it back.

        Raises:
            AlreadyClosed: the hold is settled or released.
        """
        self.settle(0)

    def settle(self, charge_nano: int) -> None:
        """Turn so much into a debt to the books and give the rest back.

        Raises:
            AlreadyClosed: the hold is settled or released.
            ValueError: negative, or more than `affords_nano()`.
        """
        if not self.open:
            raise AlreadyClosed(str(self))
        if charge_nano < 0 or (charge_nano > self.amount_nano and charge_nano > self.affords_nano()):
            raise ValueError(f"{self} cannot be settled for {charge_nano}")
        self.open = False
        rest_nano = self.amount_nano - charge_nano
        for purse in self.purses:
            purse.held_nano -= self.amount_nano
            purse.available_nano += rest_nano
            purse.owed_nano += charge_nano


def place(purses: tuple[Purse, ...], amount_nano: int) -> Hold | None:
    """Hold an amount in every purse, or in none of them."""
    return Hold(purses, amount_nano) if _reserve(purses, amount_nano) else None


def _reserve(purses: tuple[Purse, ...], amount_nano: int) -> bool:
    if amount_nano < 0:
        raise ValueError(f"a hold cannot be negative: {amount_nano}")
    for purse in purses:
        if purse.available_nano < amount_nano:
            return False
    for purse in purses:
        purse.available_nano -= amount_nano
        purse.held_nano += amount_nano
        purse.touched = True
    return True
