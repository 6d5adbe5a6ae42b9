"""``python -m trigger`` is ``neo4j-backup``."""

from trigger.cli import main

main()
