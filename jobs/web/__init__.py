"""A run in a browser: `genai status --web`.

    store --watch--> told (a fold over the events) --page--> HTML --server--> 127.0.0.1

Decisions: the store alone is read, by listings and small reads, so that a run anywhere can be watched, live or over,
without Ray, without torch and without its source. Nothing can be changed from the page. It asks nothing of any other
server and needs no script: the few lines of ours that keep it fresh may be off, it then reloads itself. What lies in
the store is hostile: fields of events are taken for what they should be or left out, all text is escaped, pictures are
decoded and written anew, and a stored report is shown without the right to run anything.
"""
