"""One event for each message: ``rows`` keeps rows until all are there, ``told`` makes events of them."""
