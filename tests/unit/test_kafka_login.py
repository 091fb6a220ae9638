import pytest
from confluent_kafka import KafkaError

from python_app_template.adapters.kafka_login import BARRED, Login

WHERE = "sasl_ssl://127.0.0.1:9093/bootstrap: "


@pytest.mark.parametrize(
    ("code", "text", "cured_by_waiting"),
    [
        (KafkaError._AUTHENTICATION, "SASL authentication error: Authentication failed", False),  # noqa: SLF001 - its name
        (KafkaError._SSL, "SSL handshake failed: certificate verify failed", False),  # noqa: SLF001 - its name
        (KafkaError._TRANSPORT, "Receive failed: certificate required: SSL alert number 116", True),  # noqa: SLF001 - its name
    ],
)
def test_why_we_are_kept_out_is_one_line_without_addresses_and_times(
    code: int,
    text: str,
    cured_by_waiting: bool,  # noqa: FBT001 - a table
) -> None:
    login = Login()
    login.note(KafkaError(code, f"{WHERE}{text} (after 343ms in state AUTH_REQ)"))
    assert str(login.refusal) == f"Kafka does not let us in: {text}"
    assert login.refusal is not None
    assert (login.refusal.code not in BARRED) == cured_by_waiting


def test_a_broker_that_is_away_keeps_nobody_out() -> None:
    login = Login()
    login.note(KafkaError(KafkaError._TRANSPORT, f"{WHERE}Connection refused"))  # noqa: SLF001 - its name
    login.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))  # noqa: SLF001 - its name
    assert login.refusal is None
