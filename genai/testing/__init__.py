"""Suites for kinds of your own: what has to hold for every one of a protocol, to be inherited by a test class.

    from genai.testing.families import FamilySuite

    class TestMine(FamilySuite):
        family = Mine(width=8)

pytest collects it. Ours run the same.
"""
