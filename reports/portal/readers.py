"""Who was given which report.

Belongs here: that one question, for whoever makes reports. Does not belong here: signing in
(:mod:`.users`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from reports.portal.users import User


def portal_readers(settings: Settings) -> Callable[[str], frozenset[str]]:
    """A function from a report's name to the users who may read it, admins left out.

    The portal's database is asked on the first call, which raises ``DatabaseError`` where it does
    not answer.
    """

    @cache
    def users() -> tuple[User, ...]:
        # Hashing passwords needs a library that making a report does not.
        from reports.portal.database import portal_database
        from reports.portal.users import Users

        return tuple(Users(portal_database(settings)).all())

    def readers(report: str) -> frozenset[str]:
        return frozenset(u.name for u in users() if not u.admin and u.may_read(report))

    return readers
