"""
`make bench`: decisions beside a bare view, the ledger's writing and reading.

`python -m bench decisions` and `python -m bench logs` measure one of the two.

`python -m bench audit [ENTRIES]`: the audit browser at 1,000 entries and at many.

`python -m bench journeys [ENTRIES]`: three walks in Chromium, on a demo of its own.
"""

import json
import os
import sys

from tests import servers


def main() -> None:
    """Starts real servers, measures, prints ratios and rates, and stops them."""
    counts = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    if "journeys" in sys.argv[1:]:
        from bench import journeys

        found = journeys.measure(entries=counts[0] if counts else journeys.ENTRIES)
        print(json.dumps(found))
        return
    os.environ.update(servers.start_servers(durable=True))
    app, owner = servers.worker_database("bench")
    os.environ.update(
        DATABASE_URL=app,
        BREAKGLASS_OWNER_DATABASE_URL=owner,
        DJANGO_SETTINGS_MODULE="portal.settings.dev",
        BREAKGLASS_LOG_LEVEL="ERROR",
    )
    import django

    django.setup()
    from bench import audit, decisions, logs

    if "audit" in sys.argv[1:]:
        audit.measure(entries=counts[0] if counts else audit.LONG)
        servers.stop_servers()
        return
    print("Medians of five interleaved rounds on this machine; trust the ratios.\n")
    if "logs" not in sys.argv[1:]:
        print(json.dumps(decisions.measure()), "\n")
    if "decisions" not in sys.argv[1:]:
        logs.measure()
    servers.stop_servers()


if __name__ == "__main__":
    main()
