"""A place for notifications that keeps them.

Belongs here: that place. Does not belong here: what a sensor should say (the tests of the sensor).
"""

from __future__ import annotations

from platform_assets.messaging import Notification, NotifyError


class Kept:
    """A notifier that keeps what it gets, or refuses it.

    Attributes:
        got: what it took, in order.
        refusing: whether it refuses.
    """

    def __init__(self) -> None:
        self.got: list[Notification] = []
        self.refusing = False

    def send(self, notification: Notification) -> None:
        """Take it, or raise."""
        if self.refusing:
            raise NotifyError("the place is closed")
        self.got.append(notification)
