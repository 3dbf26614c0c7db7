"""What is raised when a credential cannot be shown."""

from headgate.relay.verdict import Verdict


class Unsigned(Exception):
    """A request cannot be signed now; `verdict` is what follows for the attempt."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
