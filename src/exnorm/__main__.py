"""Run ``exnorm`` with ``python -m exnorm``."""

from exnorm.cli import main

if __name__ == "__main__":
    main()
