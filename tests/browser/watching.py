"""What a page must never do: break its CSP, throw, log an error, or answer with one."""

import re
from http import HTTPStatus

# A violation is told as a console error, so that it outlives the page it is on.
SCRIPT = """
addEventListener('securitypolicyviolation', (event) => {
  const place = `${event.sourceFile}:${event.lineNumber}`;
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${place}`);
});
"""
# Leaving a page cuts off what htmx was asking for. A request that failed says more.
_CUT_OFF = ("htmx:sendAbort,", "htmx:afterRequest,")
_STATUS = re.compile(r"server responded with a status of (\d{3})")


class Watch:
    """Complaints of every profile that it follows."""

    def __init__(self):
        self.complaints = []
        self.allowed = set()

    def follow(self, context):
        """Listens to all pages of a profile."""
        context.on("console", self._console)
        context.on("weberror", lambda problem: self._note(f"threw {problem.error}"))
        context.on("response", self._response)

    def allow(self, *statuses):
        """Lets the server answer with these in this test."""
        self.allowed |= set(statuses)

    def take(self):
        """Returns every complaint so far, and forgets it."""
        found, self.complaints = self.complaints, []
        return found

    def check(self):
        """Fails with every complaint there was."""
        assert not self.complaints, "\n".join(self.complaints)

    def _note(self, text):
        self.complaints.append(text)

    def _console(self, message):
        if message.type != "error" or message.text.startswith(_CUT_OFF):
            return
        status = _STATUS.search(message.text)  # the same as the response, in words
        if not (status and int(status[1]) in self.allowed):
            self._note(f"console: {message.text}")

    def _response(self, response):
        is_bad = response.status >= HTTPStatus.BAD_REQUEST
        if is_bad and response.status not in self.allowed:
            self._note(f"{response.status} {response.url}")
