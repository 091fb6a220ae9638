import logging

from python_app_template.adapters.seldom import Seldom


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, (), None)


def test_a_text_is_told_once_in_a_while_whatever_numbers_are_in_it() -> None:
    seldom = Seldom(60)
    assert seldom.filter(record("refused (after 7ms)"))
    assert not seldom.filter(record("refused (after 8ms)"))
    assert seldom.filter(record("disconnected"))


def test_it_is_told_again_later() -> None:
    seldom = Seldom(0)
    assert seldom.filter(record("refused"))
    assert seldom.filter(record("refused"))
