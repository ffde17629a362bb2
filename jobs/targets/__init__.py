"""One file a scheduler: `render(schedule)` gives the text of each file that it expects, by the file's name; `TAKES` are
the options that mean something to it and not to all.
"""
