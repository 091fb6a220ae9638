"""What keeps us out of the broker. librdkafka tells it by the way, and tries again in silence until time is up."""

import re
from typing import Final

from confluent_kafka import KafkaError

from python_app_template.core.delivery.faults import TransientError

BARRED: Final = frozenset({"AUTHENTICATION", "SSL"})
"""Codes of what no waiting cures: the password, or the certificates, have to be set right."""

_CODES: Final = {
    KafkaError._AUTHENTICATION: "AUTHENTICATION",  # noqa: SLF001 - so librdkafka names its own errors
    KafkaError._SSL: "SSL",  # noqa: SLF001 - likewise
}
_ENCRYPTION: Final = re.compile(r"SSL alert|SSL handshake|security\.protocol")
"""In what is told as a lost connection: it may be one, if the broker was just being stopped."""
_AROUND: Final = re.compile(r"^\S+/\w+: |\s*\(after [^)]*\)$")
"""Which broker by which address, and how long it took."""


class Login:
    """Keeps why we were not let in, to be told instead of a mere silence. `note` is fit for callbacks."""

    def __init__(self) -> None:
        self.refusal: TransientError | None = None

    def note(self, error: KafkaError) -> None:
        """Take in an error that librdkafka reports; it repeats it with each try."""
        text = error.str()
        code = _CODES.get(error.code()) or ("TRANSPORT" if _ENCRYPTION.search(text) else None)
        if code is not None:
            self.refusal = TransientError(f"Kafka does not let us in: {_AROUND.sub('', text)}", code=code)
