"""What a job is, what is left to do, and how it is asked for. Imports neither torch nor ray."""
