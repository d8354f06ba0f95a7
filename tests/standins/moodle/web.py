"""Requests and answers, and what stands before Moodle: the web server and PHP's limits."""

from dataclasses import dataclass, field

from tests.standins.moodle.forms import FormLimits

BYTES_PER_USER = 9_800
"""Memory that the search for users takes for each user found: 471 MB for 50,000 were measured."""
ENDPOINT = "/webservice/rest/server.php"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    content_type: str = ""
    host: str = ""
    ip: str = "127.0.0.1"

    @property
    def line_bytes(self) -> int:
        """Length of the request line, which has to fit into one buffer of the web server."""
        target = len(self.path) + (len(self.query) + 1 if self.query else 0)
        return len(self.method) + target + len("  HTTP/1.1\r\n")


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """The limits of web server and PHP."""

    form: FormLimits = field(default_factory=FormLimits)
    client_max_body_size: int = 64 * 1024 * 1024
    """Bytes; a larger body is answered with 413."""
    header_buffer: int = 8192
    """Bytes; a longer request line is answered with 414."""
    memory_limit: int = 512 * 1024 * 1024
    """Bytes a call may take; PHP dies of more. Only the search for users comes near it."""
    read_timeout: float = 60.0
    """Seconds the gateway waits for PHP before it answers 504; the work goes on."""


STOCK = ServerProfile(FormLimits(max_input_vars=1000, post_max_size=8 * 1024 * 1024), 1024 * 1024)
"""PHP and nginx as they come."""


def refuse_early(request: Request, profile: ServerProfile) -> Response | None:
    """What the web server answers by itself."""
    if request.line_bytes > profile.header_buffer:
        return nginx_page(414, "Request-URI Too Large")
    if len(request.body) > profile.client_max_body_size:
        return nginx_page(413, "Request Entity Too Large")
    script, php, _ = request.path.partition(".php")
    if script + php == ENDPOINT:
        return None
    if php:
        # Passed on to PHP, which finds no such script.
        return Response(404, "Not Found", (("Content-Type", "text/html; charset=UTF-8"),), b"File not found.\n")
    return nginx_page(404, "Not Found")


def out_of_memory() -> Response:
    """PHP has died: no body at all."""
    return Response(500, "Internal Server Error", (("Content-Type", "text/html; charset=UTF-8"),))


def nginx_page(status: int, reason: str) -> Response:
    page = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, reason, (("Content-Type", "text/html"),), page.encode())


def gateway_timeout() -> Response:
    return nginx_page(504, "Gateway Time-out")


def moodle_headers(rest_format: str) -> tuple[tuple[str, str], ...]:
    """The headers of every answer that Moodle's REST server writes."""
    kind: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    if rest_format != "json":
        kind = (
            ("Content-Type", "application/xml; charset=utf-8"),
            ("Content-Disposition", 'inline; filename="response.xml"'),
        )
    return (
        *kind,
        ("Cache-Control", "private, must-revalidate, pre-check=0, post-check=0, max-age=0"),
        ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Pragma", "no-cache"),
        ("Accept-Ranges", "none"),
        ("Access-Control-Allow-Origin", "*"),
    )


def forbidden() -> Response:
    return Response(403, "Forbidden", (("Content-Type", "text/html; charset=utf-8"),))


def cli_maintenance(page: str) -> Response:
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Retry-After", "300"),
        ("Cache-Control", "post-check=0, pre-check=0"),
        ("Pragma", "no-cache"),
        ("Expires", "Mon, 20 Aug 1969 09:23:00 GMT"),
    )
    return Response(503, "Moodle under maintenance", headers, page.encode())


def redirect(address: str) -> Response:
    """To the configured address of the site, without query and body."""
    headers = (
        ("Content-Type", "text/html; charset=UTF-8"),
        ("X-Redirect-By", "Moodle"),
        ("Location", address),
    )
    return Response(303, "See Other", headers, _REDIRECT_PAGE.replace("ADDRESS", address).encode())


_REDIRECT_PAGE = """<!DOCTYPE html>
<html  lang="en" xml:lang="en">
    <head>
        <meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
                <title>Redirect</title>
        <style>
body {
    margin: 0;
    font-family: -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans",sans-serif,"Apple Color Emoji","Segoe UI Emoji","Segoe UI Symbol","Noto Color Emoji";
    font-size: .9375rem;
    font-weight: 400;
    line-height: 1.5;
    color: #343a40;
    text-align: left;
    background-color: #f2f2f2;
}
#page {
    margin-top: 15px;
    background: white;
    max-width: 600px;
    margin: 0 auto;
    padding: 15px;
}
#region-main {
    margin: 0 auto;
    border: 1px solid rgba(0,0,0,.125);
    padding: 1rem 1.25rem 1.25rem;
    background-color: #fff;
}
h1 {
    font-size: 2.34rem;
    margin: 0 0 .5rem;
    font-weight: 300;
    line-height: 1.2;
}
.alert-danger {
    color: #6e211e;
    background-color: #f6d9d8;
    border-color: #f3c9c8;
    padding: .75rem 1.25rem;
}
    </style>
    </head>
    <body>
        <div id="page">
            <div id="region-main">
                <h1>Redirect</h1>
                <div style="margin-top: 3em; margin-left:auto; margin-right:auto; text-align:center;">This page should automatically redirect. If nothing is happening please use the continue link below.<br /><a href="ADDRESS">Continue</a></div>                            </div>
        </div>
    </body>
</html>

"""
