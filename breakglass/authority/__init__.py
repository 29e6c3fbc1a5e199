"""
The embedded Sigstore authority: OIDC issuer, certificate authority, transparency log.

It runs as a process of its own (``manage.py authority serve``) and is reached over
HTTP only, like any other Sigstore instance. It imports nothing of Django, of the
portal or of the rest of breakglass. See docs/sigstore.md.
"""
