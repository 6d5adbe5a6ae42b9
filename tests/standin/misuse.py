"""The error for a stand-in that was set up wrongly: it must never look like a failure of neo4j-admin."""


class Misuse(Exception):
    """A knob, fault or state file that the stand-in doesn't understand; the run ends with ``EXIT``."""


EXIT = 99
