"""Records that are nearly right, or not at all: JSON spoilt token by token, then byte by byte, keys and headers too."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from python_app_template.core.delivery.messages import Headers, Partition, Record

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[{}\[\],:]')
LONGEST_ID = "x" * 64
LINE: dict[str, Any] = {"sku": "S", "qty": 1}
ONE_LINE = json.dumps(LINE)
BODIES: list[dict[str, Any]] = [
    {"type": "order.placed", "order_id": "o", "lines": [LINE]},
    {"type": "order.placed", "order_id": "é", "lines": [LINE, LINE], "customer_id": "c"},
    {"type": "order.placed", "order_id": "o", "lines": [LINE], "placed_at": "2026-11-20T20:00:00.25+01:00"},
    {"type": "order.placed", "order_id": LONGEST_ID, "lines": [{"sku": LONGEST_ID, "qty": 1_000_000}] * 100},
    {"type": "order.cancelled", "order_id": "o"},
    {"type": "batch.created", "batch_ref": "b", "sku": "S", "qty": 7, "eta": "2026-11-20"},
    {"type": "batch.created", "batch_ref": "b", "sku": "S", "qty": 0, "eta": None},
    {"type": "batch.quantity_changed", "batch_ref": "b", "qty": 1_000_000_000},
]
TEXTS = [json.dumps(body, ensure_ascii=False) for body in BODIES]
TOKENS = [TOKEN.findall(text) for text in TEXTS]
OFTEN = [100 if len(text) < 1000 else 2 for text in TEXTS]
"""How often each is taken: the largest take as long as dozens of the others."""
KEYS = [
    "type",
    "order_id",
    "batch_ref",
    "sku",
    "qty",
    "eta",
    "lines",
    "customer_id",
    "placed_at",
    "",
    "ty\\u0070e",
    "x",
]

STRINGS = [
    *('""', '"a"', '" "', '"order.placed"', '"batch.created"', '"order.lost"', '"ORDER.PLACED"', '"2026-11-20"'),
    *('"\\u0000"', '"a\\u0000b"', '"\\u001f"', '"\\n"', '"\x7f"', '"\x85"', '"\\u0085"', '"\\u0080"', '"\xa0"'),
    *('"\\ud800"', '"\\udc00"', '"\\ud83d\\ude00"', '"\\ude00\\ud83d"', '"\\ud800\\ud800"', '"\\\\ud800"'),
    *('"\\x41"', '"\\u12g4"', '"\\', '"\t"', '"\x00"', '"\U0001f4e6"', '"\u2028"', '"\ufeff"', '"\u200b"', '"\u202e"'),
    *(f'"{letter * n}"' for letter in ("x", "é", "\U0001f4e6") for n in (64, 65, 1000)),
    *('"2026-02-29"', '"0000-01-01"', '"9999-12-31"', '"2026-W01-1"', '"2026-11-20T20:00:00"', '"12:00:00Z"'),
    *('"0001-01-01T00:00:00+00:01"', '"9999-12-31T23:59:60Z"', '"2016-12-31T23:59:60Z"', '"2026-11-20t20:00:00z"'),
]
NUMBERS = [
    *("0", "1", "-0", "-1", "1.0", "1e2", "1E+2", "-1e-2", "01", "+1", ".5", "1.", "1e", "0x1", "1_0", "1e999"),
    *("1000000", "1000001", "1000000000", "1000000001", str(2**31), str(2**63), str(2**64), str(-(2**63) - 1)),
    *("9" * 19, "9" * 30, "9" * 31, "9" * 5000, "-" + "9" * 5000, f"1.{'9' * 400}", f"1e{'9' * 400}"),
    *("NaN", "Infinity", "-Infinity", "nan"),
]
SHAPES = [
    *("null", "true", "false", "nul", "True", "None", "undefined", "[]", "{}", "[[]]", "[1,]", "[,]", "{1:2}", "{,}"),
    *('{"type":1}', '{"type":"order.placed"}', '{"a":1,"a":2}', '{"a":"\\udfff","a":1}', '[{"sku":"S","qty":1}]'),
    *(f"[{','.join([ONE_LINE] * n)}]" for n in (99, 100, 101)),
    *("[" * n + "]" * n for n in (126, 127, 128, 129)),
    *('{"a":' * n + "1" + "}" * n for n in (126, 127, 128, 129)),
    *('"' + "[" * 200 + '"', "[" * 2000, "[" * 2000 + "]" * 2000, "//", "/**/", "'a'", "`"),
]
PIECES = STRINGS + NUMBERS + SHAPES


def _is_json(piece: str) -> bool:
    try:
        json.loads(piece)
    except (ValueError, RecursionError):
        return False
    return True


SOUND = [piece for piece in PIECES if _is_json(piece)]
"""The pieces that leave JSON what it is: they break a rule of the contract, if any."""
BYTES = [
    *(b"\x00", b"\xff", b"\xfe", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xc2\x85"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u0000", b"\\ud800", b"\x1f"),
    *(b"\x7f", b"\r\n", b"\t", b" ", b"\x0b", b"0", b"-", b"e", b"\xf0\x9f\x93\xa6"),
]
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp037", "utf-7"]
HEADER_NAMES = [
    "traceparent",
    "dlq.reason",
    "dlq.attempts",
    "dlq.",
    "DLQ.reason",
    "dlq.offset",
    "",
    "é",
    "x" * 300,
    "ce_id",
]
HEADER_VALUES = [None, b"", b"7", b"-1", b"9" * 400, b"\xff\x00", "٣".encode(), b"00-" + b"0" * 49, b"x" * 2000]
HUGE_OF = 10_000
"""One record of so many is of a megabyte."""
P = Partition("raw-push", 2)


class Mutator:
    """Draws records; the same random numbers draw the same ones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ways: list[Callable[[], bytes | None]] = [
            *[self._misshapen] * 14,
            *[self._spoilt_tokens] * 6,
            *[self._spoilt_bytes] * 4,
            *[self._piece] * 2,
            self._encoded,
            self._noise,
            lambda: None,
        ]

    def records(self, offset: int = 0) -> Iterator[Record]:
        """Go on for ever."""
        while True:
            value = self._huge() if self._random.random() > 1 - 1 / HUGE_OF else self._one_of(self._ways)()
            yield Record(P, offset, self._random.choice((0, -1, 1, 2**40)), self._key(), value, self._headers())
            offset += 1

    def _one_of(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(choices)

    def _misshapen(self) -> bytes:
        """JSON still: other values in one to three places, a field too many, a field too few."""
        tokens: list[str] = [*self._random.choices(TOKENS, OFTEN)[0]]
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            values = [n for n in range(2, len(tokens)) if tokens[n - 1] == ":"]
            place = self._one_of(values)
            match self._random.randrange(6):
                case 0:
                    tokens[place - 2] = f'"{self._one_of(KEYS)}"'
                case 1:
                    tokens[place - 2 : place - 2] = [f'"{self._one_of(KEYS)}"', ":", self._one_of(SOUND), ","]
                case 2 if tokens[place] in "[{":
                    tokens[place : place + 1] = [self._one_of(SOUND), ",", '"x"', ":", tokens[place]]
                case _ if tokens[place] not in "[{":
                    tokens[place] = self._one_of(SOUND)
        return "".join(tokens).encode()

    def _spoilt_tokens(self) -> bytes:
        tokens: list[str] = [*self._random.choices(TOKENS, OFTEN)[0]]
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            self._spoil(tokens)
        return "".join(tokens).encode()

    def _spoil(self, tokens: list[str]) -> None:
        """Put a piece where a token stood, take one out, double one, move one, or give a key a value once more."""
        place = self._random.randrange(len(tokens)) if tokens else 0
        match self._random.randrange(8):
            case 0 | 1 | 2 | 3:
                tokens[place : place + 1] = [self._one_of(PIECES)]
            case 4:
                del tokens[place : place + 1]
            case 5:
                tokens.insert(place, self._one_of(tokens or PIECES))
            case 6:
                start = 1 + next((n for n in range(place, -1, -1) if tokens[n : n + 1] == ["{"]), 0)
                tokens[start:start] = [f'"{self._one_of(KEYS)}"', ":", self._one_of(PIECES), ","]
            case _:
                end = next((n for n in range(place, len(tokens)) if tokens[n] == "}"), len(tokens))
                tokens[end:end] = [",", f'"{self._one_of(KEYS)}"', ":", self._one_of(PIECES)]

    def _spoilt_bytes(self) -> bytes:
        value = bytearray(self._one_of((*TEXTS[:3], *TEXTS[4:], self._one_of(PIECES))).encode())
        for _ in range(self._random.choice((1, 1, 2, 5))):
            place = self._random.randrange(len(value) + 1)
            match self._random.randrange(5):
                case 0 if place < len(value):
                    value[place] ^= 1 << self._random.randrange(8)
                case 1:
                    value[place:place] = self._one_of(BYTES)
                case 2:
                    del value[place:]
                case 3:
                    del value[place : place + self._random.randrange(1, 9)]
                case _:
                    value[place:place] = value[self._random.randrange(len(value) + 1) :][:50]
        return bytes(value)

    def _piece(self) -> bytes:
        return str(self._one_of(PIECES)).encode()

    def _encoded(self) -> bytes:
        return str(self._one_of(TEXTS[:3])).encode(self._one_of(ENCODINGS), "replace")

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.choice((0, 1, 2, 8, 64, 500)))

    def _huge(self) -> bytes:
        """About a megabyte."""
        size = 1_000_000
        return bytes(
            self._one_of(
                (
                    b'{"type":"order.cancelled","order_id":"%s"}' % (b"x" * size),
                    b'{"type":"order.cancelled","x":"%s"}' % ("é".encode() * (size // 2)),
                    b'{"type":"batch.quantity_changed","batch_ref":"b","qty":%s}' % (b"9" * size),
                    b'{"type":"order.placed","order_id":"o","lines":[%s]}' % (b"0," * (size // 2) + b"0"),
                    b"[" * size,
                    b'{"a":' * (size // 5),
                    b'"' + b"\\u0000" * (size // 6) + b'"',
                    b" " * size,
                    b"{" + b'"type":1,' * (size // 9) + b'"type":null}',
                    self._random.randbytes(size),
                )
            )
        )

    def _key(self) -> bytes | None:
        return self._random.choice((None, b"", b"o", b"\xff\x00", "é".encode(), self._random.randbytes(16)))

    def _headers(self) -> Headers:
        names = self._random.choices(HEADER_NAMES, k=self._random.choice((0, 0, 0, 1, 3)))
        return tuple((name, self._random.choice(HEADER_VALUES)) for name in names)
