"""`token`: tokens for development, and a key to sign them with."""

import re
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from python_app_template.cli.development import AUDIENCE, ISSUER
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.output import Json, say, write_json
from python_app_template.cli.registering import command, described, exemplified, settings_of
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

TOKEN, KEY = "python-app-template token", "python-app-template token key"
EXAMPLES = (
    f"{TOKEN} --sub ann --scope orders:write:own --scope orders:read:own",
    f'TOKEN=$({TOKEN}) && curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/v1/orders',
)
KEY_EXAMPLES = (f'eval "$({KEY} dev.pem)"',)
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION = re.compile(r"([1-9]\d{0,8})([smhd]?)", re.ASCII)


def seconds(given: str) -> int:
    """Read 90, 90s, 15m, 1h or 7d. Raises CommandFailed."""
    found = DURATION.fullmatch(given)
    if found is None:
        raise CommandFailed(f"--expires: {given!r} is no time; for instance 90s, 15m, 1h, 7d", ExitCode.SETTINGS)
    return int(found[1]) * UNITS[found[2]]


Sub = Annotated[str, typer.Option(help="Whom it names; an own scope is about the orders of this customer_id.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option(help="What it allows; may be repeated. Without: to read and write all orders and stock."),
]
Expires = Annotated[str, typer.Option(metavar="TIME", help="How long it is taken: 90s, 15m, 1h, 7d.")]
KeyFile = Annotated[
    Path | None, typer.Option(help="The private half of APP_AUTH__PUBLIC_KEY; without: the file beside it.")
]


def register(app: typer.Typer) -> None:
    """Add the command and the one below it."""
    group = typer.Typer(rich_markup_mode="rich")
    group.callback(invoke_without_command=True, help=described(token), epilog=exemplified(EXAMPLES))(token)
    command(group, key, "key", "Make a key for development", KEY_EXAMPLES)
    app.add_typer(group, name="token", short_help="Make a token for development; make a key to sign it with")


def token(
    context: typer.Context,
    *,
    sub: Sub = "developer",
    scope: Scopes = None,
    expires: Expires = "1h",
    key: KeyFile = None,
    json: Json = False,
) -> None:
    """Make a token that the API takes, by its own settings: APP_AUTH__SECRET, or the key beside APP_AUTH__PUBLIC_KEY.

    It is all that is printed. For development alone: with APP_ENVIRONMENT=prod there is none. With APP_AUTH__MODE=none
    there is none either, as none is needed.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of(context)
    if _is_needed(settings):
        _show(settings, sub, scope, seconds(expires), key, as_json=json)


def key(file: Annotated[Path, typer.Argument(help="The private key's; the public one goes into FILE.pub.")]) -> None:
    """Make a pair of keys (RSA) for development, and print the settings that take tokens signed with it."""
    from python_app_template.cli.issuing import make_pair  # noqa: PLC0415 - slow to import: few need it

    public = make_pair(file)
    settings = {"MODE": "jwt", "ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "PUBLIC_KEY": f"{public.resolve()}"}
    for name, value in settings.items():
        typer.echo(f"export APP_AUTH__{name}={quote(value)}")


def _is_needed(settings: Settings) -> bool:
    if settings.environment == "prod":
        raise CommandFailed("not with APP_ENVIRONMENT=prod: tokens come from the issuer there", ExitCode.SETTINGS)
    if settings.auth.mode is None:
        raise CommandFailed(f"APP_AUTH__MODE: missing; {KEY} FILE makes a key and says what to set", ExitCode.SETTINGS)
    if settings.auth.mode == "none":
        say("no token is needed: with APP_AUTH__MODE=none everybody may do everything")
    return settings.auth.mode == "jwt"


def _show(
    settings: Settings, sub: str, scope: list[str] | None, expires: int, key: Path | None, *, as_json: bool
) -> None:
    from python_app_template.cli.issuing import claims_for, granted, issue, signer  # noqa: PLC0415 - likewise
    from python_app_template.service import SERVICE  # noqa: PLC0415 - likewise

    auth, policy = settings.auth, SERVICE.policy
    scopes = granted(scope, policy.scopes) if scope else sorted(policy.whole_scopes)
    claims = claims_for(auth, sub, scopes, expires)
    made = issue(signer(auth, key), claims)
    if as_json:
        write_json({"token": made, "claims": claims})
    else:
        typer.echo(made)  # alone, wherever it goes: it is for a header
