"""What has to be true of the way to people before the service starts."""

from collections.abc import Sequence
from functools import partial

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.checks import Check, CheckDoubtful
from python_app_template.core.ports.notifications import Notifications


def checks(notifications: Notifications) -> Sequence[Check]:
    """Return them."""
    return [Check("mail server", partial(mail_server, notifications))]


async def mail_server(notifications: Notifications) -> str:
    """It answers, encrypted and with the login that the settings ask for. Away, it keeps nothing else from starting."""
    try:
        return await notifications.probe()
    except TransientError as fault:
        raise CheckDoubtful(
            f"{fault}", "start it, or correct APP_MAIL__URL, APP_MAIL__CA_FILE; until then mail waits"
        ) from fault
