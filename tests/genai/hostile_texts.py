"""Files of text with rows, records and nests that have no end."""

MEGABYTE = 1 << 20

#: name -> (the bytes, what the refusal says; "" where there are rows after all)
CSV = {
    "an honest one": (lambda: b"text,n\n" + b"abc,1\n" * 9, ""),
    "a quote that is never closed": (lambda: b'text\n"' + (b"a" * 99 + b"\n") * 400_000, "a quote that is not closed"),
    "a record of a million cells": (lambda: b"text\n" + b"," * MEGABYTE + b"\n", ""),
    "a record of twenty million cells": (lambda: b"text\n" + b"," * (20 * MEGABYTE), "it has more than"),
    "a million columns": (lambda: b"," * MEGABYTE + b"\na\n", "found 1,048,577 columns"),
    "records of nothing": (lambda: b"text\n" + b"\n" * (MEGABYTE // 4), "found no rows"),
}
JSONL = {
    "an honest one": (lambda: b'{"text": "a"}\n' * 9, ""),
    "a line of 40 MB": (lambda: b'{"text": "a"}\n{"text": "' + b"a" * (40 * MEGABYTE) + b'"}\n', ""),
    "a line of objects": (
        lambda: b'{"text": "a"}\n{"text": [' + b"{}," * (MEGABYTE // 2) + b"{}]}\n",
        "found no columns of strings",
    ),
    "a nest without an end": (lambda: b"[" * (40 * MEGABYTE), "found no keys"),
    "numbers without an end": (lambda: b'{"text": ' + b"9" * MEGABYTE + b"}\n", "found no keys"),
    "a million keys": (lambda: b"{" + b",".join(b'"%d": 1' % n for n in range(150_000)) + b"}\n", "found 150000 keys"),
}
LINES = {
    "a line of 40 MB": (lambda: b"a\n" + b"a" * (40 * MEGABYTE), ""),
    "lines of nothing": (lambda: b"\n" * (MEGABYTE // 4), "found no text"),
}
PARAGRAPHS = {
    "a paragraph of many lines": (lambda: (b"a" * 999 + b"\n") * 40_000, ""),
    "a paragraph of one line": (lambda: b"a" * (40 * MEGABYTE), ""),
}
WINDOWS = {"bytes of no character": (lambda: b"\x80" * (2 * MEGABYTE), "")}
