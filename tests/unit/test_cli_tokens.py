import json
import os
import shlex
import stat
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from python_app_template.adapters.secondary.clock import SystemClock
from python_app_template.adapters.secondary.tokens.key_ring import FixedKeys
from python_app_template.adapters.secondary.tokens.verifying import Expected, JwtTokens
from python_app_template.cli.app import run
from python_app_template.settings.public_keys import public_key
from tests.unit.tokens.minting import ec_key, pem, rsa_key

SECRET = "a secret of thirty-two bytes or more"  # noqa: S105 - an example
JWT = {"mode": "jwt", "issuer": "https://login.example", "audience": "orders"}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def auth(**settings: str) -> list[str]:
    return [f"--set=auth.{name}={value}" for name, value in {**JWT, **settings}.items()]


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["token", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["token", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_a_token_is_all_that_is_printed_and_the_service_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    options = auth(secret=SECRET, algorithms="HS256")
    printed = made(capsys, "--sub", "ann", "--scope", "orders:read", "--scope", "stock:read stock:read", *options)
    assert printed.count("\n") == 1
    keys = FixedKeys(SECRET.encode(), {"HS256"})
    subject = JwtTokens(keys, Expected("https://login.example", "orders"), SystemClock()).subject(printed.strip())
    assert subject.id == "ann"
    assert subject.scopes == {"orders:read", "stock:read"}
    assert subject.until == pytest.approx(time.time() + 3600 + 30, abs=10)


def test_a_key_that_was_made_signs_and_its_settings_take_what_it_signs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = made(capsys, "key", "my dev.pem").splitlines()
    assert all(line.startswith("export APP_AUTH__") for line in lines)
    assert stat.S_IMODE((tmp_path / "my dev.pem").stat().st_mode) == 0o600
    for line in lines:
        name, _, value = shlex.split(line)[1].partition("=")
        monkeypatch.setenv(name, value)
    token = made(capsys, "--sub", "ann").strip()
    keys = FixedKeys(public_key(os.environ["APP_AUTH__PUBLIC_KEY"]), {"RS256"})
    expected = Expected(os.environ["APP_AUTH__ISSUER"], os.environ["APP_AUTH__AUDIENCE"])
    found = JwtTokens(keys, expected, SystemClock()).subject(token)
    assert found.scopes == {"orders:read", "orders:write", "stock:read", "stock:write"}


def test_a_key_is_never_written_over(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("mine")
    assert "a.pem is there already" in refused(capsys, "key", "a.pem")
    (tmp_path / "b.pem.pub").write_text("mine")
    assert "b.pem.pub is there already" in refused(capsys, "key", "b.pem")
    assert "can not be written: No such file or directory" in refused(capsys, "key", "nowhere/a.pem")
    assert {path.read_text() for path in tmp_path.glob("*.p*") if path.name != "b.pem"} == {"mine"}


def test_the_private_half_may_be_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    written = ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "mine").write_bytes(written)
    options = auth(public_key=pem(ec_key()), algorithms="ES256")
    token = made(capsys, "--key", "mine", *options).strip()
    assert jwt.get_unverified_header(token)["alg"] == "ES256"
    assert "needed: --key FILE" in refused(capsys, *options)
    other = auth(public_key=pem(rsa_key()))
    assert "mine is not the private half of APP_AUTH__PUBLIC_KEY" in refused(capsys, "--key", "mine", *other)


def test_a_private_key_that_can_not_be_used_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = auth(public_key=pem(rsa_key()))
    assert "none can not be read: No such file" in refused(capsys, "--key", "none", *options)
    (tmp_path / "public").write_text(pem(rsa_key()))
    assert "public holds no private key in PEM" in refused(capsys, "--key", "public", *options)
    locked = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    (tmp_path / "locked").write_bytes(locked)
    assert "locked is encrypted" in refused(capsys, "--key", "locked", *options)


def test_a_program_is_told_the_claims(capsys: pytest.CaptureFixture[str]) -> None:
    options = auth(secret=SECRET, algorithms="HS512", scope_claim="permissions")
    row = json.loads(made(capsys, "--json", "--expires", "90s", "--scope", "stock:read", *options))
    assert row["claims"] | {"exp": 0} == {
        "iss": "https://login.example",
        "aud": "orders",
        "sub": "developer",
        "exp": 0,
        "permissions": "stock:read",
    }
    assert jwt.decode(row["token"], options={"verify_signature": False}) == row["claims"]


@pytest.mark.parametrize(("given", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800)])
def test_a_token_lives_as_long_as_is_asked(capsys: pytest.CaptureFixture[str], given: str, seconds: int) -> None:
    token = made(capsys, "--expires", given, *auth(secret=SECRET, algorithms="HS256")).strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] == pytest.approx(time.time() + seconds, abs=10)


@pytest.mark.parametrize("given", ["0", "-1", "1w", "", "1.5h", "x"])
def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert "is no time" in refused(capsys, f"--expires={given}", *auth(secret=SECRET, algorithms="HS256"))


def test_a_scope_that_is_none_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "--scope", "orders:raed", *auth(secret=SECRET, algorithms="HS256"))
    assert "'orders:raed' is no scope; allowed: orders:read, orders:read:own" in said


def test_in_production_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    options = auth(secret=SECRET, algorithms="HS256")
    assert "not with APP_ENVIRONMENT=prod" in refused(capsys, *options, "--set=environment=prod")


def test_an_issuers_tokens_can_not_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert "come from whom APP_AUTH__JWKS_URL names" in refused(capsys, *auth(jwks_url="https://login.example/keys"))


def test_where_none_is_needed_it_is_said_and_nothing_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "--set=auth.mode=none"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "no token is needed" in err


def test_where_nothing_is_set_it_is_said_how_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert "python-app-template token key FILE" in refused(capsys)
