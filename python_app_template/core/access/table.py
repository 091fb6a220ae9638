"""The policy as a table, for people."""

from python_app_template.core.access.policy import Anyone, Policy, Who


def rows(policy: Policy) -> list[tuple[str, str, str]]:
    """Return of each action: what it is, who may do it to whatever there is, who to what is their own."""
    return [(str(action), _said(rule.all), _said(rule.own)) for action, rule in policy.rules.items()]


def _said(who: Who) -> str:
    if isinstance(who, Anyone):
        return who.value
    return " or ".join(f"`{scope}`" for scope in sorted(who))


def markdown(policy: Policy) -> str:
    """Return it as docs/access.md has it."""
    lines = ["| to | whatever it is | only what is one's own |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows(policy))]) + "\n"
