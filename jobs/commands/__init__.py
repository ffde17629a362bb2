"""One file a command, which holds it as `command`; the file's name is the command's."""
