"""`python -m worker.cli`: the same as `contact-sync`, for children that are started without its script."""

from worker.cli import main

main()
