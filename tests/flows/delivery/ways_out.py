"""Where messages go in these tests: a webhook, and a way out that keeps what it got."""

from breakglass.actors import OPERATOR
from breakglass.services.tenancy import channels

URL = "jsons://hooks.example.com/in?+Authorization=hush-hush"


class Post:
    """A way out that keeps what it was given, or fails as told."""

    def __init__(self):
        self.sent = []
        self.failure = None

    def send(self, address, message):
        self.sent.append((address, message))
        if self.failure is not None:
            raise self.failure


def webhook(tenant, name, **fields):
    filled = {"kind": "webhook", "url": URL, "is_active": True, "actor": OPERATOR}
    return channels.save(tenant=tenant, name=name, **{**filled, **fields})
