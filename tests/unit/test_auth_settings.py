"""What keeps the API from starting with an authentication that is none: a line for each fault, exit code 2."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from python_app_template.settings import SettingsError, explained, load
from tests.command_line import SCRIPT
from tests.unit.tokens.minting import ec_key, edwards_key, pem, rsa_key

SECRET = "a secret of thirty-two bytes or more"  # noqa: S105 - an example
JWT = {"mode": "jwt", "issuer": "https://login.example", "audience": "orders"}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def faults(*, environment: str = "dev", roles: str = "worker,relay,api", **auth: str) -> tuple[str, ...]:
    given = {f"auth.{name}": value for name, value in auth.items()}
    try:
        load({"environment": environment, "roles": roles, **given})
    except SettingsError as fault:
        return fault.lines
    return ()


def private() -> str:
    return rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "auth",
    [
        {"mode": "none"},
        {**JWT, "secret": SECRET, "algorithms": "HS256"},
        {**JWT, "secret": SECRET, "algorithms": "HS256,HS384,HS512"},
        {**JWT, "secret": "é" * 16, "algorithms": "HS256"},
        {**JWT, "public_key": pem(rsa_key())},
        {**JWT, "public_key": pem(rsa_key()), "algorithms": "RS256,PS512"},
        {**JWT, "public_key": pem(ec_key()), "algorithms": "ES256"},
        {**JWT, "public_key": pem(edwards_key()), "algorithms": "EdDSA"},
        {**JWT, "jwks_url": "https://login.example/keys"},
        {**JWT, "jwks_url": "http://127.0.0.1:8080/keys"},
        {**JWT, "jwks_url": "http://localhost/keys"},
        {**JWT, "jwks_url": "http://[::1]:80/keys", "algorithms": "RS256,ES256"},
    ],
)
def test_the_api_starts_with_one_way_to_know_who_asks(auth: dict[str, str]) -> None:
    assert faults(**auth) == ()


def test_without_a_mode_the_api_does_not_start() -> None:
    assert faults() == ("APP_AUTH__MODE: missing; role api needs it; allowed: jwt, or none for everybody",)
    assert faults(roles="worker,relay") == ()


def test_no_authentication_is_not_for_production() -> None:
    assert faults(mode="none", environment="prod") == (
        "APP_AUTH__MODE: none is not with APP_ENVIRONMENT=prod; allowed: jwt",
    )
    assert faults(mode="none", environment="prod", roles="worker")
    assert faults(mode="nobody") == ("APP_AUTH__MODE (command line): 'nobody' is not allowed; allowed: jwt, none",)


def test_what_tokens_have_to_say_is_needed() -> None:
    assert faults(mode="jwt", jwks_url="https://login.example/keys") == (
        "APP_AUTH__ISSUER: missing; APP_AUTH__MODE=jwt needs it",
        "APP_AUTH__AUDIENCE: missing; APP_AUTH__MODE=jwt needs it",
    )


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, "none"),
        ({"secret": SECRET, "public_key": pem(rsa_key())}, "APP_AUTH__SECRET and APP_AUTH__PUBLIC_KEY"),
        (
            {"public_key": pem(rsa_key()), "jwks_url": "https://login.example/keys"},
            "APP_AUTH__PUBLIC_KEY and APP_AUTH__JWKS_URL",
        ),
    ],
)
def test_there_is_one_key_and_not_two(keys: dict[str, str], found: str) -> None:
    names = "APP_AUTH__SECRET, APP_AUTH__PUBLIC_KEY, APP_AUTH__JWKS_URL"
    assert f"{names}: exactly one is needed; found {found}" in faults(**JWT, **keys)


@pytest.mark.parametrize("name", ["secret", "command_secret"])
def test_a_short_secret_is_refused_and_not_told(name: str) -> None:
    for short in ("x" * 31, "é" * 15):
        (line,) = faults(mode="none", **{name: short})
        assert line == f"APP_AUTH__{name.upper()}: shorter than 32 bytes"
    (line,) = faults(mode="none", **{name: pem(rsa_key())})
    assert line == f"APP_AUTH__{name.upper()}: holds a key in PEM, which is no secret; see APP_AUTH__PUBLIC_KEY"


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"secret": SECRET}, "with APP_AUTH__SECRET allowed: HS256, HS384, HS512"),
        ({"secret": SECRET, "algorithms": "HS256,RS256"}, "with APP_AUTH__SECRET allowed: HS256, HS384, HS512"),
        ({"jwks_url": "https://login.example/k", "algorithms": "RS256,HS256"}, "HS256 only with APP_AUTH__SECRET"),
        ({"public_key": pem(rsa_key()), "algorithms": "HS256"}, "HS256 only with APP_AUTH__SECRET"),
        ({"public_key": pem(ec_key())}, "RS256 not with this key; allowed: ES256"),
        ({"public_key": pem(rsa_key()), "algorithms": "RS256,ES256"}, "ES256 not with this key; allowed: PS256, PS384"),
        (
            {"jwks_url": "https://login.example/k", "algorithms": "none"},
            "'none' is not allowed; allowed: one or more of",
        ),
        ({"jwks_url": "https://login.example/k", "algorithms": ""}, "is not allowed; allowed: one or more of"),
    ],
)
def test_algorithms_that_do_not_go_with_the_key_are_refused(auth: dict[str, str], says: str) -> None:
    lines = faults(**JWT, **auth)
    assert [line for line in lines if line.startswith("APP_AUTH__ALGORITHMS") and says in line], lines


def test_a_public_key_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem(rsa_key()))
    assert faults(**JWT, public_key="key.pem") == ()
    assert faults(**JWT, public_key=str(tmp_path / "key.pem")) == ()


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("nowhere.pem", "names a file that can not be read: No such file or directory"),
        (".", "names a file that can not be read: Is a directory"),
        ("x" * 5000, "names a file that can not be read: File name too long"),
        ("a\0b", "is neither PEM nor the name of a file with it"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "holds no public key in PEM"),
        (private(), "holds a private key; it takes the public one"),
        (pem(rsa_key(0, 1024)), "holds a key of no use; allowed: RSA of 2048 to 8192 bits, P-256, P-384, Ed25519"),
    ],
    ids=["missing", "folder", "long", "nul", "garbage", "private", "weak"],  # a key is another one in each process
)
def test_a_public_key_that_is_none_is_refused_and_not_told(key: str, says: str) -> None:
    (line,) = faults(**JWT, public_key=key)
    assert line.startswith(f"APP_AUTH__PUBLIC_KEY: {says}")
    assert key[:40] not in line or key == "."


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://login.example/keys", "neither https nor on this machine"),
        ("http://127.0.0.1.evil.example/keys", "neither https nor on this machine"),
        ("http://127.0.0.1@evil.example/keys", "neither https nor on this machine"),
        ("ftp://127.0.0.1/keys", "neither https nor on this machine"),
        ("file:///etc/keys", "neither https nor on this machine"),
        ("https://", "neither https nor on this machine"),
        ("login.example/keys", "neither https nor on this machine"),
        ("https://me:s3cr3t@login.example/keys", "holds a user name"),
        ("https://login.example:keys/", "no URL"),
        ("https://[::1/keys", "no URL"),
    ],
)
def test_keys_are_fetched_from_where_nobody_can_change_them(url: str, says: str) -> None:
    lines = faults(**JWT, jwks_url=url)
    assert [line for line in lines if line.startswith(f"APP_AUTH__JWKS_URL: {says}")], lines
    assert "s3cr3t" not in "".join(lines)


@pytest.mark.parametrize("listed", ["10.0.0.0/33", "proxy.example", "10.0.0.1:80", "*"])
def test_a_proxy_is_an_address_or_a_network(listed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"api.trusted_proxies": f"10.0.0.0/8,{listed}"})
    (line,) = caught.value.lines
    assert line.startswith(f"APP_API__TRUSTED_PROXIES (command line): '{listed}' is neither an address nor a network;")
    assert load({"api.trusted_proxies": "10.0.0.1/8, ::1"}).api.trusted_proxies == {"10.0.0.1/8", "::1"}


def test_secrets_are_masked() -> None:
    auth = {**JWT, "secret": SECRET, "algorithms": "HS256", "command_secret": SECRET}
    settings = load({f"auth.{name}": value for name, value in auth.items()})
    assert SECRET not in repr(settings) + repr(explained(settings)) + settings.model_dump_json()


def test_the_service_ends_with_exit_code_2_and_a_line() -> None:
    done = subprocess.run(
        [*SCRIPT, "serve", "--set=roles=api"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "APP_AUTH__MODE: missing; role api needs it" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
