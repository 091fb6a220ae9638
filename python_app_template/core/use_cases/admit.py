"""Whoever asks is looked at once: whose token, how often, and may they."""

from python_app_template.core.access.policy import Action, Denied, Granted, Policy
from python_app_template.core.access.refusals import Unauthenticated, refusal
from python_app_template.core.access.subject import Subject
from python_app_template.core.ports.throttle import Throttle
from python_app_template.core.ports.tokens import Tokens


class Admit:
    """The one way in for whatever is asked, by REST as by GraphQL.

    1. Who shows no token that is taken is counted by address; everybody else by subject (without one, by address).
    2. A token that is taken is never refused for what others did from its address.
    3. The policy decides; what is public is not counted, and no token is looked at.
    """

    def __init__(self, tokens: Tokens, throttle: Throttle, policy: Policy) -> None:
        self._tokens, self._throttle = tokens, throttle
        self.policy = policy

    async def __call__(self, action: Action, authorization: str | None, address: str) -> tuple[Subject | None, Granted]:
        """Judge a whole request: who asks, and what they are granted.

        `authorization` is the header of that name, `address` where the request comes from.
        Raises Unauthenticated, Forbidden, TooMany, KeysAway.
        """
        if self.policy.is_public(action):
            return None, self.grant(None, action)
        subject = await self.identify(authorization, address)
        return subject, self.grant(subject, action)

    async def identify(self, authorization: str | None, address: str) -> Subject:
        """Say who asks, and count the request. Raises Unauthenticated, TooMany, KeysAway."""
        try:
            subject = self._tokens.subject(bearer(authorization))
        except Unauthenticated:
            await self._throttle.refused(address)
            raise
        await self.count(subject, address)
        return subject

    async def count(self, subject: Subject, address: str) -> None:
        """Count one more of somebody who was let in: a request may ask for several things. Raises TooMany."""
        await self._throttle.hit(f"address {address}" if subject.id is None else f"subject {subject.id}")

    def grant(self, subject: Subject | None, action: Action) -> Granted:
        """Ask the policy alone; for what is a part of a request. Raises Unauthenticated, Forbidden."""
        decision = self.policy.decide(subject, action)
        if isinstance(decision, Denied):
            raise refusal(decision)
        return decision


def bearer(authorization: str | None) -> str | None:
    """Return the token of the header's text (RFC 6750, section 2.1); None: there is no header.

    Of another scheme it is a token that nobody takes, and where none is asked for it does no harm.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
