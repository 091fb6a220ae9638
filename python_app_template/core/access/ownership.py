"""What a grant reaches: whose name goes into what is made or listed, and what may be seen."""

from python_app_template.core.access.policy import AllowedOwn, Granted
from python_app_template.core.access.refusals import Forbidden


def owner_for(granted: Granted, asked: str | None, what: str = "customer_id") -> str | None:
    """Return the owner that a new thing gets, or that a list is filtered by: the one asked for, or the subject.

    Raises Forbidden: somebody else's was asked for, and only the own is granted. `what` names the field.
    """
    if not isinstance(granted, AllowedOwn):
        return asked
    if asked not in {None, granted.owner}:
        raise Forbidden(f"{what} is not the token's sub")
    return granted.owner


def reaches(granted: Granted, owner: str | None) -> bool:
    """Tell whether a thing of this owner may be seen; when not, it is answered as one that does not exist (404)."""
    return not isinstance(granted, AllowedOwn) or granted.owner == owner
