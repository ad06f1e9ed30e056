"""Named faults that never stop: odd file names, and what no retry can mend."""

from simulator.named_faults import AWAY_BYTES, CUT_AT, JSON, PAGE, NamedFaults, cut, fault

NAMES = {
    "name_climbs": NamedFaults(
        "Every answer suggests a file name with ../ in it.",
        (
            fault(
                times=None,
                headers={
                    "Content-Disposition": 'attachment; filename="../../../climbed.mp4"; '
                    "filename*=UTF-8''..%2F..%2F..%2Fclimbed.mp4"
                },
            ),
        ),
    ),
    "name_with_control_characters": NamedFaults(
        "Every answer suggests a file name with control characters, raw and quoted.",
        (
            fault(
                times=None,
                headers={
                    "Content-Disposition": 'attachment; filename="a\x01b\x07\x1b[31m\x7f.mp4"; '
                    "filename*=UTF-8''a%00b%0D%0Ac%1B%5B31m%E2%80%AE.mp4"
                },
            ),
        ),
    ),
    "name_of_300_characters": NamedFaults(
        "Every answer suggests a file name of 300 characters.",
        (
            fault(
                times=None,
                headers={"Content-Disposition": f'attachment; filename="{"n" * 296}.mp4"'},
            ),
        ),
    ),
}

LASTING = {
    "always_cut": NamedFaults(
        "Every answer is cut after 30 % of the file; with ranges that ends well.",
        (fault(times=None, after_fraction=0.3),),
    ),
    "always_cut_without_range": NamedFaults(
        "Every answer is the whole file, cut after 60 %.",
        (cut(times=None, ignore_range=True),),
    ),
    "always_reset": NamedFaults(
        "Every connection is reset before the first byte of the body.",
        (fault(times=None, after_bytes=0, ending="reset"),),
    ),
    "always_closed": NamedFaults(
        "Every connection is closed without an answer.", (fault(times=None, drop=True),)
    ),
    "always_stalled": NamedFaults(
        "No answer has a byte of body; every connection stays open for two minutes.",
        (fault(times=None, after_bytes=0, ending="stall"),),
    ),
    "always_slow": NamedFaults(
        "Every answer comes at 1,000 bytes a second.",
        (fault(times=None, bytes_per_second=1000),),
    ),
    "always_short": NamedFaults(
        "Every body ends cleanly after 60 % of the file, without a Content-Length.",
        (fault(times=None, short_fraction=CUT_AT, ignore_range=True),),
    ),
    "always_short_announced": NamedFaults(
        "Every Content-Length and body have 60 % of the file's size.",
        (fault(times=None, short_fraction=CUT_AT, short_announced=True, ignore_range=True),),
    ),
    "always_zero_bytes": NamedFaults(
        "Every answer is a 200 with Content-Length 0.",
        (fault(times=None, short_bytes=0, short_announced=True, ignore_range=True),),
    ),
    "always_gzip": NamedFaults(
        "Every body is compressed, although nobody asked.", (fault(times=None, gzip=True),)
    ),
    "always_html": NamedFaults(
        "Every answer is a web page with 200.", (fault(times=None, body=PAGE),)
    ),
    "always_json": NamedFaults(
        "Every answer is a JSON message with 200.", (fault(times=None, body=JSON),)
    ),
    "always_403": NamedFaults("Every link gets 403.", (fault(times=None, status=403),)),
    "always_404": NamedFaults("Every link gets 404.", (fault(times=None, status=404),)),
    "always_503": NamedFaults(
        "Every answer is 503 without a word.", (fault(times=None, status=503),)
    ),
    "always_redirect_to_another_host": NamedFaults(
        "Every link redirects to another host.",
        (fault(times=None, redirect_to="https://media.example.net/file.mp4"),),
    ),
    "always_resumed_elsewhere": NamedFaults(
        "Every answer is cut after 60 % of the file, and every resumed part begins 1,000 bytes "
        "later than asked for.",
        (
            cut(times=None, resumed=False),
            fault(times=None, resumed=True, shift_bytes=AWAY_BYTES),
        ),
    ),
    "always_replaced": NamedFaults(
        "Every answer is cut after 60 % of the file, and then the recording is another file of "
        "the same length.",
        (cut(times=None, replace_ratio=1),),
    ),
}
