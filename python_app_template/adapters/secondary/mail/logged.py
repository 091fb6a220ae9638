"""Letters for whoever reads the log: what there is where no mail server is named."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import structlog

from python_app_template.core.ports.notifications import Letter, Notifications, Verdict

log = structlog.get_logger(__name__)


class LoggedNotifications(Notifications):
    """Always free, and accepts all."""

    async def probe(self) -> str:
        """As the port says."""
        return "the log"

    async def send(self, letter: Letter) -> Verdict:
        """As the port says."""
        mail = message_from_bytes(letter.content, _class=EmailMessage, policy=policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        log.info("mail.logged", message_id=letter.message_id, subject=str(mail["subject"]), text=text)
        return Verdict()
