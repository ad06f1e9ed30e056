"""Named faults of connections, bodies, links and redirects; each happens once."""

from simulator.named_faults import AWAY_BYTES, CUT_AT, JSON, PAGE, NamedFaults, cut, fault, resumed

CUTS = {
    "cut_at_60_percent": NamedFaults("After 60 % of the file the connection ends.", (cut(),)),
    "cut_and_range_ignored": NamedFaults(
        "After 60 % the connection ends; the resumed request gets the whole file with 200.",
        resumed(ignore_range=True),
    ),
    "cut_three_times": NamedFaults(
        "Three times the connection ends after 20 % of the file more.",
        (fault(after_fraction=0.2, times=3),),
    ),
    "reset_at_60_percent": NamedFaults(
        "After 60 % of the file the connection is reset.", (cut(ending="reset"),)
    ),
    "closed_without_answer": NamedFaults(
        "The connection is closed without an answer.", (fault(drop=True),)
    ),
    "stall_at_60_percent": NamedFaults(
        "After 60 % of the file nothing more comes for two minutes; the connection stays open.",
        (cut(ending="stall"),),
    ),
    "slow_drip": NamedFaults(
        "One answer comes at 1,000 bytes a second.", (fault(bytes_per_second=1000),)
    ),
    "short_chunked": NamedFaults(
        "The body ends cleanly after 60 %, in chunks and without a Content-Length.",
        (fault(short_fraction=CUT_AT),),
    ),
    "short_announced": NamedFaults(
        "Content-Length and body have 60 % of the file's size.",
        (fault(short_fraction=CUT_AT, short_announced=True),),
    ),
    "zero_bytes": NamedFaults(
        "A 200 with Content-Length 0.", (fault(short_bytes=0, short_announced=True),)
    ),
    "content_length_too_large": NamedFaults(
        "Content-Length promises 1,000 bytes more than come before the connection ends.",
        (fault(content_length_off_by=AWAY_BYTES),),
    ),
    "content_length_too_small": NamedFaults(
        "Content-Length promises 1,000 bytes fewer than come before the connection ends.",
        (fault(content_length_off_by=-AWAY_BYTES),),
    ),
    "gzip": NamedFaults(
        "The body is compressed, Content-Encoding says so, although nobody asked.",
        (fault(gzip=True),),
    ),
}

PAGES = {
    "html_with_200": NamedFaults("A web page with 200.", (fault(body=PAGE),)),
    "json_with_200": NamedFaults("A JSON error message with 200.", (fault(body=JSON),)),
    "html_without_its_type": NamedFaults(
        "A web page with 200 that calls itself video/mp4.",
        (fault(body=PAGE, headers={"Content-Type": "video/mp4"}),),
    ),
    "html_when_resumed": NamedFaults(
        "After 60 % the connection ends; the resumed request gets a web page with 200.",
        resumed(body=PAGE),
    ),
    "json_when_resumed": NamedFaults(
        "After 60 % the connection ends; the resumed request gets a JSON message with 200.",
        resumed(body=JSON),
    ),
    "html_inside_body": NamedFaults(
        "After 60 % a web page comes in the body, then the connection ends.",
        (cut(ending="page"),),
    ),
    "html_inside_body_chunked": NamedFaults(
        "After 60 % a web page comes in the body, which ends cleanly and has no Content-Length.",
        (fault(short_fraction=CUT_AT, ending="page"),),
    ),
    "html_inside_resumed_body": NamedFaults(
        "After 60 % the connection ends; after 20 % more a web page comes in the resumed body, "
        "then the connection ends.",
        resumed(after_fraction=0.2, ending="page"),
    ),
    "html_inside_resumed_body_chunked": NamedFaults(
        "After 60 % the connection ends; after 20 % more a web page comes in the resumed body, "
        "which ends cleanly and has no Content-Length.",
        resumed(short_fraction=0.2, ending="page"),
    ),
}

DEATHS = {
    f"link_dies_with_{name}": NamedFaults(
        f"After 60 % the connection ends, and from then on this link {does}; a new one works.",
        (cut(link_dies=manner),),
    )
    for name, manner, does in (
        ("401", "401", "gets 401"),
        ("403", "403", "gets 403"),
        ("404", "404", "gets 404"),
        ("410", "410", "gets 410"),
        ("login_page", "200-html", "gets a login page with 200"),
        ("login_redirect", "302-login", "is redirected to the login page"),
    )
} | {
    "link_dead_from_the_start": NamedFaults(
        "The first link gets nothing but 403; a new one works.",
        (fault(status=403, body=JSON, link_dies="403"),),
    ),
}

REDIRECTS = {
    "redirect_to_login": NamedFaults(
        "A redirect to the login page.", (fault(redirect_to="login"),)
    ),
    "redirect_to_another_host": NamedFaults(
        "A redirect to another host.",
        (fault(redirect_to="https://media.example.net/file.mp4"),),
    ),
    "redirect_to_private_address": NamedFaults(
        "A redirect to a private address.", (fault(redirect_to="https://10.0.0.1/file.mp4"),)
    ),
    "redirect_loop": NamedFaults(
        "The link redirects to itself for ever; a new one works.",
        (fault(redirect_to="itself", link_dies="302-itself"),),
    ),
    "redirect_once": NamedFaults(
        "A redirect to another link on the same host, which has the file.",
        (fault(redirect_to="new-link"),),
    ),
}

BUSY = {
    "busy_429_seconds": NamedFaults(
        "429 with Retry-After: 1.", (fault(status=429, headers={"Retry-After": "1"}),)
    ),
    "busy_429_date": NamedFaults(
        "429 whose Retry-After is a date, two seconds from now.",
        (fault(status=429, retry_after_date_seconds=2),),
    ),
    "busy_429_malformed": NamedFaults(
        "429 whose Retry-After is neither a number nor a date.",
        (fault(status=429, headers={"Retry-After": "soon; or later"}),),
    ),
    "busy_429_without_retry_after": NamedFaults("429 without Retry-After.", (fault(status=429),)),
    "busy_503_seconds": NamedFaults(
        "503 with Retry-After: 1.", (fault(status=503, headers={"Retry-After": "1"}),)
    ),
} | {
    f"answer_{status}": NamedFaults(f"{status} without a word.", (fault(status=status),))
    for status in (408, 425, 500, 502, 503, 504)
}
