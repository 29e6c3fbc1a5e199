#!/bin/sh
# Serves the embedded authority, and hands the portal what it needs of it: the portal's
# own key, the key of receipts and the trust config, in /signing. The authority's keys stay in a volume that
# no other container mounts.
set -eu
python manage.py authority init
install -m 0600 "$BREAKGLASS_AUTHORITY_DIR/portal/portal_key.pem" /signing/portal_key.pem
# Receipts for gates have a key of their own, which the portal reads.
BREAKGLASS_RECEIPT_KEYS=/signing/receipt_key.pem python manage.py receipt_key init
# The trust config is written when the authority starts to serve.
(
  until python docker/health.py http://127.0.0.1:8901/healthz 2>/dev/null; do sleep 1; done
  cp "$BREAKGLASS_AUTHORITY_DIR/trust_config.json" /signing/trust_config.json.new
  mv /signing/trust_config.json.new /signing/trust_config.json
) &
exec python manage.py authority serve --host 0.0.0.0 --port 8901
