"""`python -m pipelines` is the `concord` command."""

from pipelines.cli import main

main()
