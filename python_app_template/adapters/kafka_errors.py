"""What the broker's errors mean here: a table, applied by one context manager."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from python_app_template.core.delivery.faults import FatalError, TransientError

HOPELESS = frozenset(
    {
        KafkaError._INVALID_ARG,  # noqa: SLF001 - so librdkafka names its own errors: a property that it does not know
        KafkaError._NOT_CONFIGURED,  # noqa: SLF001 - likewise
        KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001 - likewise
        KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - likewise: the broker is too old
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)
"""No retry helps against these. What people set right while the service runs (rights, topics) is not among them."""


def fault(error: KafkaError) -> TransientError | FatalError:
    """Map a broker's or librdkafka's error."""
    text = f"Kafka: {error.str()}"
    if error.code() in HOPELESS:
        return FatalError(text)
    return TransientError(text, code=error.name().lstrip("_"))


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Raise what the table says instead of KafkaException."""
    try:
        yield
    except KafkaException as e:
        raise fault(e.args[0]) from e
