"""The upper bound: a WSGI application that reads the body and answers a constant."""

ANSWER = b'{"decision":"enforce"}' + b" " * 230
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))]


def application(environ, start_response):
    """Answers as many bytes as a decision has."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", HEADERS)
    return [ANSWER]
