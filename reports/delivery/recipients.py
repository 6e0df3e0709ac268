"""Recipients, as delivery names them; they are read with the definition."""

from reports.recipients import Channel, Recipient, RecipientError

__all__ = ["Channel", "Recipient", "RecipientError"]
