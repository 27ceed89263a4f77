"""How the rules of a domain say no. Knows neither gRPC nor Angzarr."""


class Rejection(Exception):
    """A broken rule: a word for programs (`reason`) and a sentence for people."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason
        self.message = message


class TooLate(Exception):
    """What should be undone cannot be any more; a person has to look at it."""
