"""A rotation in the middle of a rush: what was signed in time counts."""

import json
import threading

from breakglass.authority.rotation import Wish, rotate
from breakglass.signing.keyless import KeylessVerifier
from tests.conformance.authority import own
from tests.conformance.authority.own import Own
from tests.conformance.authority.stock_client import ALICE, statement_of


def test_every_signature_of_a_rush_is_inside_its_window(tmp_path):
    threads, enough = 3, 6
    signed, refused = [], []
    underway = threading.Semaphore(0)
    with own.database() as url:
        mine = Own(tmp_path / "authority", url)
        with mine.served() as portal:

            def work(number: int) -> None:
                for attempt in range(10_000):
                    try:
                        signed.append(portal.sign(statement_of(f"{number}/{attempt}")))
                    except Exception as exc:  # noqa: BLE001 - the library has no base class
                        refused.append(exc)
                        underway.release(enough)
                        return
                    underway.release()

            workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
            for worker in workers:
                worker.start()
            for _ in range(enough):
                underway.acquire()
            rotate(mine.base, database_url=url, wish=Wish())
            for worker in workers:
                worker.join()
            assert portal.get("/healthz").status_code == 503
            size = portal.get("/api/v1/log").json()["treeSize"]
        before, _ = mine.installation.generations
        trust_config = mine.installation.layout.trust_config.read_text()
    assert len(refused) == threads, "everybody was stopped by the rotation alone"
    assert len(signed) >= enough
    verifier = KeylessVerifier(trust_config, own.CONSTANTS.issuer)
    for bundle in signed:
        verifier.payload_of(bundle=bundle.to_json().encode(), email=ALICE)
        (entry,) = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"]
        assert int(entry["integratedTime"]) <= before.retired.at.timestamp()
    assert size == 1 + len(signed)  # a genesis, and what was answered: nothing else
