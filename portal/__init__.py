"""The web: pages, API, admin, settings and the Celery app, over the domain."""
